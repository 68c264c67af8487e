/** What clients get for an operation that has run, the same for every protocol. */
import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import { type GatewayError, isStoreUnavailable } from '../errors.js';
import type { AcceptedJobs } from '../resolvers/context.js';
import { originalOf, type ReportUnexpected, toClientError } from './client-errors.js';

/**
 * Returns the error that refuses the whole operation if the database could not answer and nothing was accepted; no
 * partial result is sent then. Returns null for any other outcome, and for a mutation that has stored something.
 */
export function outageOf(
  errors: readonly unknown[] | undefined,
  accepted: AcceptedJobs | null,
): GatewayError | null {
  if (errors === undefined || (accepted !== null && accepted.size > 0)) return null;
  return errors.map(originalOf).find(isStoreUnavailable) ?? null;
}

/**
 * Formats the errors for the client. If jobs were accepted, `jobId` names the job of the error's field; if there is no
 * data, `jobIds` names all of them.
 */
export function shownErrors(
  { errors, data }: { readonly errors: readonly GraphQLError[]; readonly data?: unknown },
  accepted: AcceptedJobs | null,
  reportUnexpected: ReportUnexpected,
): readonly GraphQLFormattedError[] {
  const shown = errors.map((error) => toClientError(error.toJSON(), error, reportUnexpected));
  return withJobs(shown, data, accepted);
}

export function withJobs(
  errors: readonly GraphQLFormattedError[],
  data: unknown,
  accepted: AcceptedJobs | null,
): readonly GraphQLFormattedError[] {
  if (accepted === null || accepted.size === 0) return errors;
  const jobIds = data == null ? { jobIds: [...accepted.values()] } : {};
  return errors.map((error) => {
    const jobId = accepted.get(String(error.path?.[0]));
    return {
      ...error,
      extensions: { ...error.extensions, ...(jobId !== undefined && { jobId }), ...jobIds },
    };
  });
}
