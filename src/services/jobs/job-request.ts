/** The request of a job as it is stored: one type for each of Akool's face-swap products. */

export type JobRequest = FaceSwapRequest | FaceSwapPlusRequest;
/** Page "Face Swap Pro": "Required array length: 1 - 50 elements". */
export const MAX_IMAGES = 50;
/** Akool's code 1007: "more than 8 faces". */
export const MAX_FACES = 8;

export type JobKind = JobRequest['kind'];

export interface FaceImage {
  readonly path: string;
  /** See opts.ts. */
  readonly opts: string | null;
}

/** Face Swap Pro: `POST /api/open/v4/faceswap/faceswapByImage`. */
export interface FaceSwapRequest {
  readonly kind: 'PRO';
  readonly sourceImage: readonly FaceImage[];
  readonly targetImage: readonly FaceImage[];
  readonly modelName: 'akool_faceswap_image_hq';
  readonly faceEnhance: boolean;
  readonly singleFaceMode: boolean;
  /** Fill in missing `opts` by face detection before the job is sent. */
  readonly detectOpts: boolean;
}

export type FaceSwapPlusStyle = 'realistic' | 'beautify' | 'lossless';

export interface FaceReference {
  readonly faceUrl: string | null;
  /** `[x1, y1, x2, y2]` in pixels. */
  readonly bbox: readonly number[] | null;
}

export interface FaceMapping {
  readonly source: FaceReference;
  readonly target: FaceReference;
}

/** Face Swap Plus: `POST /api/open/v4/faceswap/faceswapPlusByImage`. */
export interface FaceSwapPlusRequest {
  readonly kind: 'PLUS';
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly modelStyle: FaceSwapPlusStyle;
  readonly faceMapping: readonly FaceMapping[];
  readonly faceEnhance: boolean;
  readonly singleFaceMode: boolean;
}

/**
 * How many pictures Akool is asked to make, which is the only way to compare the prices of two jobs; null for
 * a video, whose price depends on its length.
 */
export function picturesOf(request: JobRequest): number | null {
  switch (request.kind) {
    case 'PRO':
      return request.targetImage.length;
    case 'PLUS':
      return VIDEO_NAME.test(new URL(request.targetUrl).pathname) ? null : 1;
  }
}

const VIDEO_NAME = /\.(?:mp4|mov|m4v|webm|avi|mkv)$/i;
