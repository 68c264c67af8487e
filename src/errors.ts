/**
 * Errors shown to callers: one table of codes, and their classes.
 *
 * GraphQL `errors` mean that nothing was accepted and no job exists. An accepted job that fails has a
 * `job.error` instead.
 */

/** Every value of `extensions.code` and its meaning, apart from Apollo's own codes. */
export const ERROR_CODES = {
  BAD_USER_INPUT: 'The input breaks a rule; `extensions.fieldErrors` names each field, the rule and the fix.',
  UNAUTHENTICATED: 'The request has no valid credentials.',
  FORBIDDEN: 'The credentials are valid, but do not allow this.',
  NOT_FOUND: 'You have nothing with this id or name.',
  CONFLICT: 'The current state does not allow this.',
  IDEMPOTENCY_CONFLICT: 'The idempotency key was already used with different input.',
  RATE_LIMITED: 'Too many requests; `extensions.retryAfterSeconds` says when to retry.',
  QUEUE_FULL: 'Too many jobs are waiting, and too many of them are yours; try again later.',
  PROVIDER_UNAVAILABLE:
    'Akool could not be reached or gave no usable answer: try again later; or it refuses the account (`extensions.waitingReason` then says why): the operator has to look into it.',
  STORE_UNAVAILABLE: 'The database is unavailable; `extensions.retryAfterSeconds` says when to try again.',
  UPLOADS_UNAVAILABLE:
    'The gateway takes no uploads, or none at the moment; the message says what its operator has to do.',
  UPLOAD_QUOTA_EXCEEDED:
    'Your uploads would take more room than you may use; delete some, or wait until some expire.',
  AUTHENTICATION_UNAVAILABLE: 'Your credentials cannot be checked right now; try again later.',
  ARCHIVE_UNAVAILABLE:
    'The file cannot be read right now, or too many thumbnails are being made; try again later. Only at `/media/…` and `/uploads/…`.',
  INTERNAL_SERVER_ERROR: 'An unexpected error, logged under `extensions.reference`.',
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/** One broken rule. `path` is like `input.sourceImage.1.opts`; the value itself is never included. */
export interface FieldError {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** An error whose code and message are meant for the caller. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly extensions?: Record<string, unknown> } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.extensions = options.extensions ?? {};
  }
}

/** The gateway can't start with these settings; the message is one line for the operator. */
export class StartError extends Error {
  readonly code: string = 'CAN_NOT_START';
  /** How long retrying the start may still succeed, counted from its first failure, in milliseconds. */
  readonly patienceMs: number;

  constructor(message: string, options: { readonly cause: unknown; readonly patienceMs?: number }) {
    super(oneLine(message), { cause: options.cause });
    this.patienceMs = options.patienceMs ?? 0;
  }
}

/** Returns an error's message on one line. */
export function reasonOf(error: unknown): string {
  // Node throws this without a message if a host has several addresses and none could be reached.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ');
  return oneLine(error instanceof Error ? error.message : String(error));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Input that breaks rules; lists all of them. */
export class InputError extends GatewayError {
  constructor(fieldErrors: readonly FieldError[]) {
    const [first] = fieldErrors;
    const others = fieldErrors.length > 1 ? ` (and ${fieldErrors.length - 1} more)` : '';
    super('BAD_USER_INPUT', `${first?.path ?? 'input'}: ${first?.message ?? 'is not valid'}${others}`, {
      extensions: { fieldErrors },
    });
    this.name = 'InputError';
  }
}

/** The same error for an id that does not exist and for another tenant's job. */
export function jobNotFound(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no job with this id.');
}

export function isStoreUnavailable(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.code === 'STORE_UNAVAILABLE';
}

/** The level at which a failure is logged. A database outage is already logged once, by the store. */
export function logLevelOf(error: unknown): 'debug' | 'error' {
  return isStoreUnavailable(error) ? 'debug' : 'error';
}
