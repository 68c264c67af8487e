/**
 * Errors that a caller may see: one table of codes, and their classes.
 *
 * GraphQL `errors` mean that nothing was accepted and no job exists. Why an accepted job failed is told by
 * `job.error`, not here.
 */

/** Every value of `extensions.code` that this gateway gives, and what it means. Apollo's own come beside it. */
export const ERROR_CODES = {
  BAD_USER_INPUT: 'The input breaks a rule; `extensions.fieldErrors` names each field, rule and remedy.',
  UNAUTHENTICATED: 'No valid credentials came with the request.',
  FORBIDDEN: 'The credentials are valid, but do not allow this.',
  NOT_FOUND: 'There is no such thing among those of the caller.',
  CONFLICT: 'The present state of the thing does not allow this.',
  IDEMPOTENCY_CONFLICT: 'The idempotency key was used before with another input.',
  RATE_LIMITED: 'Too many requests; `extensions.retryAfterSeconds` says when to try again.',
  QUEUE_FULL: 'Too many jobs wait already, and too many of them are yours; try again later.',
  PROVIDER_UNAVAILABLE:
    'Akool could not be reached, did not answer usefully, or refuses the account (then `extensions.waitingReason` tells which way); try again later.',
  STORE_UNAVAILABLE:
    'The database cannot answer at present; `extensions.retryAfterSeconds` says when to try again.',
  AUTHENTICATION_UNAVAILABLE: 'Who you are cannot be checked at present; try again later.',
  ARCHIVE_UNAVAILABLE: 'Kept results cannot be read at present; try again later. Only at `/media/…`.',
  INTERNAL_SERVER_ERROR: 'Unexpected; logged under `extensions.reference`.',
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/** One broken rule. `path` is like `input.sourceImage.1.opts`; the value itself is never repeated. */
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

/** The gateway can't start as it is set up; the message is one line for the person who starts it. */
export class StartError extends Error {
  readonly code: string = 'CAN_NOT_START';
  /** A service that the gateway needs is away; in a moment it may be there. */
  readonly mayPass: boolean;

  constructor(message: string, options: { readonly cause: unknown; readonly mayPass?: boolean }) {
    super(oneLine(message), { cause: options.cause });
    this.mayPass = options.mayPass ?? false;
  }
}

/** What an error says, in one line. */
export function reasonOf(error: unknown): string {
  // A host with several addresses, none of which could be reached: it says nothing itself.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ');
  return oneLine(error instanceof Error ? error.message : String(error));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Input that breaks rules: all of them at once. */
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

/** The answer for an id that does not exist and for one that is somebody else's: they look the same. */
export function jobNotFound(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no job with this id.');
}

export function isStoreUnavailable(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.code === 'STORE_UNAVAILABLE';
}

/** How loudly a failure is logged: the store tells an outage of the database, once for all who meet it. */
export function logLevelOf(error: unknown): 'debug' | 'error' {
  return isStoreUnavailable(error) ? 'debug' : 'error';
}
