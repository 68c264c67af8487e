/** Measures an answer before it is serialized. */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getNullableType,
  isListType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { GatewayError } from '../errors.js';
import { type AnswerBudget, MAX_ANSWER_BYTES } from '../services/limits/answer-budget.js';
import { originalOf } from './client-errors.js';
import { textOf } from './document-nodes.js';

/** Quotes, or separators. */
const MARKS = 2;
/** A number, boolean or null. */
const SHORT = 5;
/**
 * A document of at most this many characters, without lists, has answers below `MAX_ANSWER_BYTES`: 500 fields, whose
 * names are no longer than the document, and whose values are shorter than this or counted when they are read.
 */
const MAX_SMALL_CHARACTERS = 16 * 1024;

/** A result of graphql-js. */
export interface Result {
  readonly errors?: readonly GraphQLError[] | undefined;
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
}

interface Asked {
  readonly schema: GraphQLSchema;
  /** Valid, and within `DEFAULT_LIMITS`. */
  readonly document: DocumentNode;
}

/** Returns the result, or an error instead if it exceeds the budget. */
export function withinBudget(result: Result, budget: AnswerBudget): Result {
  try {
    // Includes the errors: graphql-js gives them the properties that are sent.
    budget.reach(charactersOf([result.data, result.errors], MAX_ANSWER_BYTES));
    return result;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { errors: [new GraphQLError(error.message, { originalError: error })], data: null };
  }
}

/**
 * The same for an event of a subscription. Measuring it is part of what an update costs, so an event that can't be
 * large is returned as it is; whoever sends it counts the text.
 *
 * @throws GatewayError RATE_LIMITED if there is no room; the follower has to reconnect, so that no update is lost
 */
export function eventWithinBudget(result: Result, asked: Asked, budget: AnswerBudget): Result {
  if (result.errors === undefined && budget.isEmpty && hasSmallAnswers(asked)) return result;
  const bounded = withinBudget(result, budget);
  const busy = bounded.errors
    ?.map(originalOf)
    .find((error) => error instanceof GatewayError && error.code === 'RATE_LIMITED');
  if (busy !== undefined) throw busy;
  return bounded;
}

const small = new WeakMap<DocumentNode, boolean>();

/** Whether no answer can exceed the limit, apart from what is counted when it is read. */
function hasSmallAnswers({ schema, document }: Asked): boolean {
  const isSmall = small.get(document) ?? (isShort(document) && !hasLists(schema, document));
  small.set(document, isSmall);
  return isSmall;
}

function isShort(document: DocumentNode): boolean {
  return textOf(document).length <= MAX_SMALL_CHARACTERS;
}

function hasLists(schema: GraphQLSchema, document: DocumentNode): boolean {
  const info = new TypeInfo(schema);
  let found = false;
  const Field = (): void => {
    found ||= isListType(getNullableType(info.getType()));
  };
  visit(document, visitWithTypeInfo(info, { Field }));
  return found;
}

/** The approximate length of the JSON; stops counting above `most`. Closures would cost several times as much. */
function charactersOf(value: unknown, most: number): number {
  if (typeof value === 'string') return value.length + MARKS;
  if (typeof value !== 'object' || value === null) return SHORT;
  let length = 0;
  if (Array.isArray(value)) {
    for (const one of value) {
      if (length > most) break;
      length += charactersOf(one, most - length);
    }
    return length;
  }
  for (const name in value) {
    if (length > most) break;
    const member: unknown = Reflect.get(value, name);
    length += name.length + MARKS + charactersOf(member, most - length);
  }
  return length;
}
