/**
 * The gateway's view of Akool: what can be asked of it, and what can come back.
 *
 * Services depend on this interface alone; `client.ts` implements it over HTTP.
 */
import type { HoldReason } from '../jobs/account-hold.js';
import type { JobError } from '../jobs/job-error.js';
import type { FaceMapping, FaceReference } from '../jobs/job-request.js';

export type { FaceMapping, FaceReference };

export interface AkoolClient {
  /** Hands a Face Swap Pro job to Akool. Sends it at most once, and never rejects. */
  submitFaceSwap(request: FaceSwapProRequest, options?: CallOptions): Promise<SubmitOutcome>;
  /** Hands a Face Swap Plus job to Akool. Sends it at most once, and never rejects. */
  submitFaceSwapPlus(request: FaceSwapPlusRequest, options?: CallOptions): Promise<SubmitOutcome>;
  /**
   * What Akool says about these `_id`s, in Akool's order; ids that it does not know are left out.
   *
   * @throws AkoolCallError
   */
  results(providerIds: readonly string[], options?: CallOptions): Promise<ProviderResult[]>;
  /**
   * Deletes these results at Akool, for good. Ids that are unknown or already gone count as done.
   *
   * @throws AkoolCallError
   */
  deleteResults(providerIds: readonly string[], options?: CallOptions): Promise<void>;
  /**
   * The account's balance, in Akool's credits.
   *
   * @throws AkoolCallError
   */
  credit(options?: CallOptions): Promise<number>;
  /**
   * The faces of a picture or video; no face is an empty list.
   *
   * @throws AkoolCallError code REFUSED when the input is to blame
   */
  detectFaces(request: DetectFacesRequest, options?: DetectOptions): Promise<DetectedFrame[]>;
  /** Takes no new calls, ends those in flight as if their signal had fired, closes the connections. Safe to call twice. */
  destroy(): Promise<void>;
}

export interface CallOptions {
  /** Ends the call early. A submit that had begun to leave is then of unknown outcome. */
  readonly signal?: AbortSignal | undefined;
}

export interface DetectOptions extends CallOptions {
  /** A job in its slot needs them: then it takes a connection of its own, and waits for nobody's. */
  readonly forJob?: boolean;
}

/** What became of a submit. The difference between the last two decides whether money may be spent twice. */
export type SubmitOutcome =
  | { readonly kind: 'accepted'; readonly providerId: string; readonly providerJobId: string | null }
  /** Akool said no, for good. */
  | { readonly kind: 'refused'; readonly error: JobError }
  /** Akool refused the account, whatever the job: surely not accepted, and may be sent again once that has passed. */
  | { readonly kind: 'account-refused'; readonly reason: HoldReason; readonly error: JobError }
  /** Surely never accepted: may be sent again, not before `retryAfterMs` where Akool named a time. */
  | {
      readonly kind: 'not-accepted';
      readonly reason: string;
      readonly retryAfterMs: number | null;
    }
  /** Nobody knows: must never be sent again. */
  | {
      readonly kind: 'unknown';
      readonly reason: string;
      /** What is heard of it after all, while somebody still listens. Never rejects. */
      readonly late?: Promise<SubmitOutcome>;
    };

export interface FaceImage {
  /** Absolute http(s) URL. */
  readonly path: string;
  /** Landmarks, like `262,175:363,175:313,215:272,279`. */
  readonly opts?: string | null | undefined;
}

export interface FaceSwapProRequest {
  readonly sourceImage: readonly FaceImage[];
  readonly targetImage: readonly FaceImage[];
  readonly modelName: 'akool_faceswap_image_hq';
  readonly faceEnhance: boolean;
  readonly singleFaceMode: boolean;
  /** Where Akool reports; null: nowhere, the results are asked for. */
  readonly webhookUrl: string | null;
}

export interface FaceSwapPlusRequest {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly modelStyle: 'realistic' | 'beautify' | 'lossless';
  readonly faceMapping: readonly FaceMapping[];
  readonly faceEnhance: boolean;
  readonly singleFaceMode: boolean;
  readonly webhookUrl: string | null;
}

/** 1 in queue, 2 processing, 3 success, 4 failed. */
export type ProviderStatus = 1 | 2 | 3 | 4;

export interface ProviderResult {
  readonly providerId: string;
  readonly status: ProviderStatus;
  /** Where the result lies; null until there is one. As Akool gave it: see `readProviderUrl`. */
  readonly url: string | null;
  /** Why it failed, where Akool says so: without our secrets, but not yet fit to be shown. */
  readonly reason: string | null;
}

/** Give `url` or `image`; `url` wins when both are there. */
export interface DetectFacesRequest {
  readonly url?: string | null | undefined;
  /** A picture in base64, bare or as a data URI. */
  readonly image?: string | null | undefined;
  /** How many frames of a video are looked at, 1 to 100; Akool's default is 5. */
  readonly numFrames?: number | null | undefined;
  /** Only the largest face of each frame. */
  readonly singleFace: boolean;
}

export interface DetectedFrame {
  readonly index: number;
  /** Seconds from the start of the video; null for a picture. */
  readonly timeSeconds: number | null;
  readonly faces: readonly DetectedFace[];
}

export interface DetectedFace {
  /** Six: eyes, nose, mouth centre, mouth corners; in pixels of the whole picture. */
  readonly landmarks: readonly Point[];
  /** In the form of `opts`, in pixels of the whole picture; null where Akool gives it in another form. */
  readonly landmarksStr: string | null;
  /** In the form of `opts`, in pixels of the cropped face; null where Akool gives it in another form. */
  readonly cropLandmarks: string | null;
  /** The cropped face, kept by Akool. */
  readonly faceUrl: string | null;
  readonly region: Rectangle;
  readonly cropRegion: Rectangle | null;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
