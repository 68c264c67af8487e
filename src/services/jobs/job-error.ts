/**
 * Why an accepted job failed, which clients see as `job.error`.
 *
 * The codes are the public enum `JobErrorCode`; the provider's own code is kept in addition.
 */
export const JOB_ERROR_CODES = [
  'INVALID_PARAMETERS',
  'INSUFFICIENT_CREDIT',
  'RATE_LIMITED',
  'TOO_MANY_FACES',
  'CONTENT_NOT_FOUND',
  'NOT_ALLOWED',
  'PROVIDER_AUTHENTICATION',
  'ACCOUNT_PROBLEM',
  'MEDIA_UNSUPPORTED',
  'GENERATION_FAILED',
  'NO_FACE_FOUND',
  'SUBMIT_UNCONFIRMED',
  'DEADLINE_EXCEEDED',
  'PROVIDER_UNAVAILABLE',
  'PROVIDER_ERROR',
  'RESULT_UNUSABLE',
] as const;

export type JobErrorCode = (typeof JOB_ERROR_CODES)[number];

export interface JobError {
  readonly code: JobErrorCode;
  /** For the person who submitted: what happened and what to do. Contains no key, token or URL of ours. */
  readonly message: string;
  /** The provider's own `code`, if it gave one. */
  readonly providerCode: number | null;
  /** Whether submitting the same input again, unchanged, may succeed. */
  readonly retryable: boolean;
}
