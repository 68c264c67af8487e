/** How large an answer is, before it becomes a text. */
import { GraphQLError } from 'graphql';
import { GatewayError } from '../errors.js';
import { type AnswerBudget, MAX_ANSWER_BYTES } from '../services/limits/answer-budget.js';
import { originalOf } from './client-errors.js';

/** Quotes, or what stands between two values. */
const MARKS = 2;
/** A number, or a truth value. */
const SHORT = 5;

/** What graphql-js gives, whoever declared its type. */
export interface Result {
  readonly errors?: readonly GraphQLError[] | undefined;
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The result, or an error in its place when it is larger than the budget allows. */
export function withinBudget(result: Result, budget: AnswerBudget): Result {
  try {
    // Of errors too: graphql-js gives them the members that are told.
    budget.reach(charactersOf([result.data, result.errors], MAX_ANSWER_BYTES));
    return result;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { errors: [new GraphQLError(error.message, { originalError: error })], data: null };
  }
}

/**
 * The same for an event of a subscription.
 *
 * @throws GatewayError RATE_LIMITED: its follower is to come again, for an update must not be lost
 */
export function eventWithinBudget(result: Result, budget: AnswerBudget): Result {
  const bounded = withinBudget(result, budget);
  const busy = bounded.errors
    ?.map(originalOf)
    .find((error) => error instanceof GatewayError && error.code === 'RATE_LIMITED');
  if (busy !== undefined) throw busy;
  return bounded;
}

/** About the length of its JSON; of what has more than `most`, no more is looked at. */
function charactersOf(data: unknown, most: number): number {
  let length = 0;
  const add = (value: unknown): void => {
    if (typeof value === 'string') length += value.length + MARKS;
    else if (typeof value !== 'object' || value === null) length += SHORT;
    else if (Array.isArray(value)) for (const one of value) addOne(one);
    else for (const name of Object.keys(value)) addMember(name, Reflect.get(value, name));
  };
  const addOne = (value: unknown): void => {
    if (length <= most) add(value);
  };
  const addMember = (name: string, value: unknown): void => {
    length += name.length + MARKS;
    addOne(value);
  };
  add(data);
  return length;
}
