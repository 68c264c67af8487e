/**
 * The gateway's interface to Akool: the calls and their possible answers.
 *
 * Services depend only on this interface; `http-akool-client.ts` implements it over HTTP.
 */
import type { HoldReason } from '../jobs/account-hold.js';
import type { JobError } from '../jobs/job-error.js';
import type { FaceSwapPlusRequest, FaceSwapRequest, JobRequest } from '../jobs/job-request.js';

export interface AkoolClient {
  /** Submits a Face Swap Pro job. Sends it at most once, and never rejects. */
  submitFaceSwap(request: FaceSwapSubmit, options?: CallOptions): Promise<SubmitOutcome>;
  /** Submits a Face Swap Plus job. Sends it at most once, and never rejects. */
  submitFaceSwapPlus(request: FaceSwapPlusSubmit, options?: CallOptions): Promise<SubmitOutcome>;
  /**
   * Returns Akool's results for these `_id`s, in Akool's order; ids that it does not know are omitted.
   *
   * @throws AkoolCallError
   */
  results(providerIds: readonly string[], options?: CallOptions): Promise<ProviderResult[]>;
  /**
   * Permanently deletes these results at Akool. Ids that are unknown or already deleted count as done.
   *
   * @throws AkoolCallError
   */
  deleteResults(providerIds: readonly string[], options?: CallOptions): Promise<void>;
  /**
   * Returns the account's balance, in Akool's credits.
   *
   * @throws AkoolCallError
   */
  credit(options?: CallOptions): Promise<number>;
  /**
   * Returns the faces of a picture or video; an empty list if there are none.
   *
   * @throws AkoolCallError with code REFUSED if the input is at fault
   */
  detectFaces(request: DetectFacesRequest, options?: DetectOptions): Promise<DetectedFrame[]>;
  /**
   * Accepts no new calls, aborts those in flight as if their signal had fired, and closes the connections.
   * May be called twice.
   */
  destroy(): Promise<void>;
}

export interface CallOptions {
  /** Aborts the call. A submit that was already being sent then has an unknown outcome. */
  readonly signal?: AbortSignal | undefined;
}

export interface DetectOptions extends CallOptions {
  /**
   * Set if a job that holds a slot needs the faces: the call then gets a connection of its own and waits for
   * no other.
   */
  readonly forJob?: boolean;
}

/** The outcome of a submit. The difference between the last two decides whether money could be spent twice. */
export type SubmitOutcome =
  | { readonly kind: 'accepted'; readonly providerId: string; readonly providerJobId: string | null }
  /** Akool refused it for good. */
  | { readonly kind: 'refused'; readonly error: JobError }
  /**
   * Akool refused the account, whatever the job: definitely not accepted, and may be sent again once that has
   * passed.
   */
  | { readonly kind: 'account-refused'; readonly reason: HoldReason; readonly error: JobError }
  /** Definitely not accepted: may be sent again, after `retryAfterMs` if Akool gave a time. */
  | {
      readonly kind: 'not-accepted';
      readonly reason: string;
      readonly retryAfterMs: number | null;
    }
  /** Unknown: must never be sent again. */
  | {
      readonly kind: 'unknown';
      readonly reason: string;
      /** The outcome of an answer that arrives late. Never rejects. */
      readonly late?: Promise<SubmitOutcome>;
    };

/** What a submit sends: a job's request without our own fields. */
type Submitted<Request extends JobRequest> = Omit<Request, 'kind' | 'detectOpts'> & {
  /** The callback URL; null: none, so the job is polled. */
  readonly callbackUrl: string | null;
};
export type FaceSwapSubmit = Submitted<FaceSwapRequest>;
export type FaceSwapPlusSubmit = Submitted<FaceSwapPlusRequest>;

/** 1 in queue, 2 processing, 3 success, 4 failed. */
export type ProviderStatus = 1 | 2 | 3 | 4;

export interface ProviderResult {
  readonly providerId: string;
  readonly status: ProviderStatus;
  /** The result's URL, exactly as Akool gave it (see `readProviderUrl`); null until there is one. */
  readonly url: string | null;
  /** Why it failed, if Akool says so. Our secrets are removed, but it is not yet fit to be shown. */
  readonly reason: string | null;
}

/** Pass `url` or `image`; `url` takes precedence. */
export interface DetectFacesRequest {
  readonly url?: string | null | undefined;
  /** A picture in base64, plain or as a data URI. */
  readonly image?: string | null | undefined;
  /** How many frames of a video to examine, 1 to 100; Akool's default is 5. */
  readonly numFrames?: number | null | undefined;
  /** Return only the largest face of each frame. */
  readonly singleFace: boolean;
}

export interface DetectedFrame {
  readonly index: number;
  /** Seconds from the start of the video; null for a picture. */
  readonly timeSeconds: number | null;
  readonly faces: readonly DetectedFace[];
}

export interface DetectedFace {
  /** Six points: eyes, nose, mouth centre, mouth corners; in pixels of the whole picture. */
  readonly landmarks: readonly Point[];
  /** In the form of `opts`, in pixels of the whole picture; null if Akool gives another form. */
  readonly landmarksStr: string | null;
  /** In the form of `opts`, in pixels of the cropped face; null if Akool gives another form. */
  readonly cropLandmarks: string | null;
  /** The cropped face, stored at Akool. */
  readonly faceUrl: string | null;
  readonly region: Rectangle;
  readonly cropRegion: Rectangle | null;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** In pixels. No picture is this large, and sums of such numbers stay exact. */
export const MAX_COORDINATE = 1_000_000;
/** Sides of a rectangle, in pixels. */
export const MIN_SIDE = 0.01;

/** Coordinates are between plus and minus `MAX_COORDINATE`, sides between `MIN_SIDE` and `MAX_COORDINATE`. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
