/** Errors that are raised before an operation runs, with the HTTP status that goes with them. */
import { HeaderMap } from '@apollo/server';
import { GraphQLError } from 'graphql';
import { type ErrorCode, GatewayError } from '../errors.js';

/** Codes that are about the request as a whole; all others are told with 200, beside what did succeed. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  RATE_LIMITED: 429,
};

/** The same error, for Apollo Server to answer with; errors that are not ours stay as they are. */
export function withStatus(error: unknown): unknown {
  if (!(error instanceof GatewayError)) return error;
  const headers = new HeaderMap();
  if (error.code === 'UNAUTHENTICATED') headers.set('www-authenticate', 'Bearer');
  const retryAfter = error.extensions['retryAfterSeconds'];
  if (typeof retryAfter === 'number') headers.set('retry-after', String(retryAfter));
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: { code: error.code, http: { status: statusOf(error), headers } },
  });
}

export function statusOf({ code }: GatewayError): number {
  return STATUS[code] ?? 400;
}
