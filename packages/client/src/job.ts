/** A job as the gateway shows it. The fields have the names and the meaning of its GraphQL schema. */

/** COMPLETED, FAILED and CANCELED are final. */
export type JobStatus =
  | 'WAITING'
  | 'SUBMITTING'
  | 'UNCONFIRMED'
  | 'QUEUED'
  | 'PROCESSING'
  | 'COMPLETED'
  | 'FAILED'
  | 'CANCELED';

/** Why a WAITING job is not being sent. */
export type WaitingReason = 'SLOT' | 'RETRY' | 'NO_CREDIT' | 'ACCOUNT' | 'PAUSED';

/** Who can do something about an error: whoever chose the pictures, or only the gateway's operator, or time. */
export type ErrorAudience = 'USER' | 'OPERATOR';

/** The list may grow: treat an unknown code by its `audience` and `retryable`. */
export type JobErrorCode =
  | 'INVALID_PARAMETERS'
  | 'INSUFFICIENT_CREDIT'
  | 'RATE_LIMITED'
  | 'TOO_MANY_FACES'
  | 'CONTENT_NOT_FOUND'
  | 'NOT_ALLOWED'
  | 'PROVIDER_AUTHENTICATION'
  | 'ACCOUNT_PROBLEM'
  | 'MEDIA_UNSUPPORTED'
  | 'GENERATION_FAILED'
  | 'NO_FACE_FOUND'
  | 'SUBMIT_UNCONFIRMED'
  | 'DEADLINE_EXCEEDED'
  | 'PROVIDER_UNAVAILABLE'
  | 'PROVIDER_ERROR'
  | 'RESULT_UNUSABLE';

export interface JobResult {
  /** The gateway's own lasting copy once `archived`; until then the provider's address, which lasts for 7 days. */
  readonly url: string;
  readonly archived: boolean;
  readonly contentType: string | null;
  readonly byteSize: number | null;
  /** The copy for a download link; null while there is no copy. */
  readonly downloadUrl: string | null;
  /** A WebP of the copy, at most 320 pixels wide; null while there is no copy, and for a video. */
  readonly thumbnailUrl: string | null;
}

export interface JobError {
  readonly code: JobErrorCode;
  /** For whoever wrote the app; may name the provider. */
  readonly message: string;
  /** Whether submitting the same input again, unchanged, may succeed. */
  readonly retryable: boolean;
  readonly audience: ErrorAudience;
  /** For whoever uses the app. */
  readonly userMessage: string;
}

/** Who or what changed a job: its owner, the gateway, or Akool by its answer to the submit, a callback or a poll. */
export type JobUpdateSource = 'CLIENT' | 'GATEWAY' | 'SUBMIT' | 'WEBHOOK' | 'POLL';

export interface JobUpdate {
  readonly version: number;
  readonly status: JobStatus;
  readonly at: string;
  readonly source: JobUpdateSource;
  /** The reason, if there is one. */
  readonly note: string | null;
}

interface AnyJob {
  readonly id: string;
  readonly status: JobStatus;
  /** Grows by at least one with every change. */
  readonly version: number;
  /** 1 is the next to be sent; null unless WAITING. */
  readonly queuePosition: number | null;
  readonly waitingReason: WaitingReason | null;
  /** ISO 8601, UTC, like all times. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
  /** Only when COMPLETED. */
  readonly result: JobResult | null;
  /** Only when FAILED. */
  readonly error: JobError | null;
  /** Every change, oldest first. */
  readonly history: readonly JobUpdate[];
  /** As submitted; null for a follow token, like `metadata`. */
  readonly reference: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** A job of `submit`. */
export interface FaceSwapJob extends AnyJob {
  readonly __typename: 'FaceSwapJob';
  readonly sourceImage: readonly { readonly path: string }[];
  readonly targetImage: readonly { readonly path: string }[];
}

/** A job of `submitPlus`. */
export interface FaceSwapPlusJob extends AnyJob {
  readonly __typename: 'FaceSwapPlusJob';
  readonly sourceUrl: string;
  readonly targetUrl: string;
}

export type Job = FaceSwapJob | FaceSwapPlusJob;
