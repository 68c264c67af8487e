/** The errors that this package throws. An abort throws the signal's `reason` instead. */
import type { ErrorAudience, Job, JobError, JobErrorCode } from './job.js';

/** One broken rule of the input. */
export interface FieldError {
  /** Like `input.sourceImage.1.opts`. */
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** What is known of a refusal besides its code and message. */
export interface Refusal {
  readonly fieldErrors?: readonly FieldError[] | undefined;
  /** In seconds. */
  readonly retryAfter?: number | null | undefined;
  readonly cause?: unknown;
}

/**
 * The gateway refused a request, or gave no answer for so long that it is no longer repeated. Nothing was accepted,
 * unless `code` is `UNANSWERED`: then nobody knows.
 */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  /**
   * The gateway's `extensions.code`, like `BAD_USER_INPUT`, or the `code` of a refused upload, like `MEDIA_UNSUPPORTED`;
   * `UNANSWERED`; `CLOSED` after `close()`; or `HTTP_404` and the like for an answer that is not the gateway's.
   */
  readonly code: string;
  /** Each broken rule; empty unless `code` is `BAD_USER_INPUT`. */
  readonly fieldErrors: readonly FieldError[];
  /** In how many seconds to try again; null if nobody said. */
  readonly retryAfter: number | null;

  constructor(code: string, message: string, { fieldErrors = [], retryAfter = null, cause }: Refusal = {}) {
    super(message, { cause });
    this.code = code;
    this.fieldErrors = fieldErrors;
    this.retryAfter = retryAfter;
  }
}

/** An accepted job ended without a result: it FAILED, or was CANCELED. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
  readonly code: JobErrorCode | 'CANCELED';
  readonly audience: ErrorAudience;
  /** For whoever uses the app. */
  readonly userMessage: string;
  /** Whether submitting the same input again, unchanged, may succeed. */
  readonly retryable: boolean;
  /** Its last state. */
  readonly job: Job;

  constructor(job: Job) {
    const {
      code = 'CANCELED',
      audience = 'USER',
      userMessage = 'The face swap was canceled.',
      message = userMessage,
      retryable = true,
    }: Partial<Omit<JobError, 'code'>> & { code?: JobFailed['code'] } = job.error ?? {};
    super(message);
    this.code = code;
    this.audience = audience;
    this.userMessage = userMessage;
    this.retryable = retryable;
    this.job = job;
  }
}

export function noSuchJob(): RequestRefused {
  return new RequestRefused('NOT_FOUND', 'No such job.');
}
