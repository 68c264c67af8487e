/** Why a call to Akool, other than a submit, failed. */

/**
 * - UNREACHABLE: no connection (or none in time), a broken connection, a 5xx, or the call was stopped
 * - TIMEOUT: no answer within the call's deadline
 * - REFUSED: Akool refused; `providerCode` and the message say why
 * - RATE_LIMITED: too many calls; `retryAfterMs` if Akool gave a time
 * - UNREADABLE: the answer is not what Akool documents
 */
export type AkoolCallErrorCode = 'UNREACHABLE' | 'TIMEOUT' | 'REFUSED' | 'RATE_LIMITED' | 'UNREADABLE';

interface AkoolCallErrorDetails {
  readonly providerCode?: number | null;
  readonly httpStatus?: number | null;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** Contains no key, token or URL of ours in its message or cause, so it may be logged in full. */
export class AkoolCallError extends Error {
  override readonly name = 'AkoolCallError';
  readonly code: AkoolCallErrorCode;
  /** Akool's own `code` (or face detection's `error_code`), if it gave one. */
  readonly providerCode: number | null;
  readonly httpStatus: number | null;
  /** Milliseconds to wait before the next attempt, if Akool gave a time. */
  readonly retryAfterMs: number | null;

  constructor(code: AkoolCallErrorCode, message: string, details: AkoolCallErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.providerCode = details.providerCode ?? null;
    this.httpStatus = details.httpStatus ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}
