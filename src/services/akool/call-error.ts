/** Why a call to Akool, other than a submit, gave nothing. */

/**
 * - UNREACHABLE: no connection (or none in time), one that broke, a 5xx; the call was stopped
 * - TIMEOUT: no answer within the call's deadline
 * - REFUSED: Akool said no; `providerCode` and the message tell why
 * - RATE_LIMITED: too frequent; `retryAfterMs` where Akool named a time
 * - UNREADABLE: an answer that is not what Akool documents
 */
export type AkoolCallErrorCode = 'UNREACHABLE' | 'TIMEOUT' | 'REFUSED' | 'RATE_LIMITED' | 'UNREADABLE';

export interface AkoolCallErrorDetails {
  readonly providerCode?: number | null;
  readonly httpStatus?: number | null;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** Holds no key, token or address of ours, in its message or its cause: it may be logged whole. */
export class AkoolCallError extends Error {
  override readonly name = 'AkoolCallError';
  readonly code: AkoolCallErrorCode;
  /** Akool's own `code` (or face detection's `error_code`), where it gave one. */
  readonly providerCode: number | null;
  readonly httpStatus: number | null;
  /** Milliseconds to wait before the next try, where Akool named a time. */
  readonly retryAfterMs: number | null;

  constructor(code: AkoolCallErrorCode, message: string, details: AkoolCallErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.providerCode = details.providerCode ?? null;
    this.httpStatus = details.httpStatus ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}
