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

/** Who can do something about an error. */
export const ERROR_AUDIENCES = ['USER', 'OPERATOR'] as const;
export type ErrorAudience = (typeof ERROR_AUDIENCES)[number];

export interface UserMessage {
  readonly audience: ErrorAudience;
  /** A sentence for whoever uses the app: it names no provider, and nothing that only an operator can do. */
  readonly userMessage: string;
}

const NOT_NOW = 'Face swaps are not available right now. Please try again later.';

export const USER_MESSAGES: Readonly<Record<JobErrorCode, UserMessage>> = {
  INVALID_PARAMETERS: user('These pictures cannot be used together. Please choose others.'),
  INSUFFICIENT_CREDIT: operator(NOT_NOW),
  RATE_LIMITED: operator('Too many face swaps are being made right now. Please try again in a few minutes.'),
  TOO_MANY_FACES: user('There are too many faces. Please choose pictures with at most 8 faces.'),
  CONTENT_NOT_FOUND: user('A picture or video could not be loaded. Please choose it again.'),
  NOT_ALLOWED: operator(NOT_NOW),
  PROVIDER_AUTHENTICATION: operator(NOT_NOW),
  ACCOUNT_PROBLEM: operator(NOT_NOW),
  MEDIA_UNSUPPORTED: user(
    'A picture or video is too large, too long, or of the wrong kind. Please choose another.',
  ),
  GENERATION_FAILED: user('The face swap failed. Please try again, or choose clearer pictures.'),
  NO_FACE_FOUND: user('No face was found in a picture. Please choose one that shows a face clearly.'),
  SUBMIT_UNCONFIRMED: operator(
    'It is unclear whether the face swap was started. Its result may still appear.',
  ),
  DEADLINE_EXCEEDED: operator(
    'The face swap did not finish in time. Please look again later, or start a new one.',
  ),
  PROVIDER_UNAVAILABLE: operator(NOT_NOW),
  PROVIDER_ERROR: operator('The face swap failed. Please try again later.'),
  RESULT_UNUSABLE: operator(
    'The face swap was made, but its result is not available. Please contact support.',
  ),
};

function user(userMessage: string): UserMessage {
  return { audience: 'USER', userMessage };
}

function operator(userMessage: string): UserMessage {
  return { audience: 'OPERATOR', userMessage };
}
