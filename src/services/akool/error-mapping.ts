/** Converts a failed call to Akool to an error for the caller of this gateway, or for a job. */
import { GatewayError, InputError } from '../../errors.js';
import type { JobError, JobErrorCode } from '../jobs/job-error.js';
import { AkoolCallError } from './call-error.js';
import { AKOOL_CODES, holdReasonOf } from './codes.js';

/**
 * Returns a field error for `path` if the input is at fault, otherwise PROVIDER_UNAVAILABLE. Errors other than Akool's
 * are returned unchanged.
 */
export function toClientFault(error: unknown, path: string): unknown {
  if (!(error instanceof AkoolCallError)) return error;
  if (isInputsFault(error)) return new InputError([{ path, code: 'MEDIA_UNUSABLE', message: error.message }]);
  return providerUnavailable(error);
}

export function providerUnavailable(cause: unknown): GatewayError {
  return new GatewayError('PROVIDER_UNAVAILABLE', unavailability(cause), { cause });
}

/** Time helps only if Akool did not refuse. */
function unavailability(cause: unknown): string {
  const failure = cause instanceof AkoolCallError ? cause.code : 'UNREACHABLE';
  switch (failure) {
    case 'REFUSED':
      return holdReasonOf(jobErrorOf(cause as AkoolCallError).code) === null
        ? "Akool refuses the gateway's call; its operator has to look into it."
        : ACCOUNT_REFUSED;
    case 'RATE_LIMITED':
      return 'Akool takes no more calls at the moment; try again later.';
    case 'UNREADABLE':
      return "Akool's answer could not be read; try again later.";
    case 'UNREACHABLE':
    case 'TIMEOUT':
      return 'Akool could not be reached or gave no answer; try again later.';
  }
}

export const ACCOUNT_REFUSED = "Akool refuses the gateway's account; its operator has to look into it.";

/** The error of a job for which Akool refused face detection. */
export function jobErrorOf(error: AkoolCallError): JobError {
  const { providerCode, httpStatus } = error;
  const known = providerCode === null ? undefined : AKOOL_CODES.get(providerCode);
  const otherwise: JobErrorCode =
    httpStatus === 401 || httpStatus === 403
      ? 'PROVIDER_AUTHENTICATION'
      : isInputsFault(error)
        ? 'CONTENT_NOT_FOUND'
        : 'PROVIDER_ERROR';
  return {
    code: known?.code ?? otherwise,
    message: error.message,
    providerCode,
    retryable: known?.retryable ?? false,
  };
}

/** Whether different input would help. Credentials, credit and account are between the gateway and Akool. */
function isInputsFault({ code, providerCode, httpStatus }: AkoolCallError): boolean {
  if (code !== 'REFUSED') return false;
  // Without Akool's code the answer may be from a proxy; these statuses are about the request.
  if (providerCode === null) return httpStatus !== null && [400, 413, 415, 422].includes(httpStatus);
  const known = AKOOL_CODES.get(providerCode);
  return known === undefined || ABOUT_INPUTS.has(known.code);
}

const ABOUT_INPUTS: ReadonlySet<JobErrorCode> = new Set<JobErrorCode>([
  'INVALID_PARAMETERS',
  'TOO_MANY_FACES',
  'CONTENT_NOT_FOUND',
  'MEDIA_UNSUPPORTED',
  'GENERATION_FAILED',
]);
