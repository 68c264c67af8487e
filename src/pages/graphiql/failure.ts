import { GraphQLError } from 'graphql';
import type { ExecutionResult } from 'graphql-ws';

/** An answer that this page makes itself, shown like those of the gateway. */
export function failure(message: string): ExecutionResult {
  return { errors: [new GraphQLError(message)] };
}
