/** Measures an answer before it is serialized. */
import { GraphQLError } from 'graphql';
import { GatewayError } from '../errors.js';
import { type AnswerBudget, MAX_ANSWER_BYTES } from '../services/limits/answer-budget.js';
import { originalOf } from './client-errors.js';

/** Quotes, or separators. */
const MARKS = 2;
/** A number, boolean or null. */
const SHORT = 5;

/** A result of graphql-js. */
export interface Result {
  readonly errors?: readonly GraphQLError[] | undefined;
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
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
 * The same for an event of a subscription.
 *
 * @throws GatewayError RATE_LIMITED if there is no room; the follower has to reconnect, so that no update is lost
 */
export function eventWithinBudget(result: Result, budget: AnswerBudget): Result {
  const bounded = withinBudget(result, budget);
  const busy = bounded.errors
    ?.map(originalOf)
    .find((error) => error instanceof GatewayError && error.code === 'RATE_LIMITED');
  if (busy !== undefined) throw busy;
  return bounded;
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
