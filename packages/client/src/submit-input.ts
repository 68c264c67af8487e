/** What to swap. The options have the names, defaults and meaning of the gateway's GraphQL inputs. */
import type { Media } from './media.js';

interface Labels {
  /** Your own name for the job, 1 to 256 characters; need not be unique. */
  readonly reference?: string | undefined;
  /** Given back with the job; at most 4 KiB as JSON. */
  readonly metadata?: object | undefined;
  /** 1 to 128 printable characters. By default a new one for each call, which is what a click needs. */
  readonly idempotencyKey?: string | undefined;
}

/** A picture with the landmarks of its face, as `detectFaces` gives them in `opts`. */
export interface FacePicture {
  readonly path: Media;
  readonly opts?: string | undefined;
}

/** A swap of pictures: the gateway's `submitFaceSwap`. */
export interface SubmitInput extends Labels {
  /** The new face; or 1 to 50, which then need `opts` or `detectOpts`. */
  readonly source: Media | FacePicture | readonly (Media | FacePicture)[];
  /** The picture whose face is replaced; likewise. */
  readonly target: Media | FacePicture | readonly (Media | FacePicture)[];
  readonly modelName?: 'AKOOL_FACESWAP_IMAGE_HQ' | undefined;
  readonly faceEnhance?: boolean | undefined;
  readonly singleFaceMode?: boolean | undefined;
  /** Let the gateway detect faces and fill in missing `opts`. */
  readonly detectOpts?: boolean | undefined;
}

/** A swap of several faces, or in a video: the gateway's `submitFaceSwapPlus`. */
export interface SubmitPlusInput extends Labels {
  /** The picture of the new face or faces. */
  readonly source: Media;
  /** The picture or video whose faces are replaced. */
  readonly target: Media;
  readonly modelStyle?: 'REALISTIC' | 'BEAUTIFY' | 'LOSSLESS' | undefined;
  /** At most 8; required unless `singleFaceMode`. */
  readonly faceMapping?: readonly FaceMapping[] | undefined;
  readonly faceEnhance?: boolean | undefined;
  readonly singleFaceMode?: boolean | undefined;
}

export interface FaceMapping {
  readonly source: FaceReference;
  readonly target: FaceReference;
}

/** A face: a picture of its own, or a place in a larger one. */
export interface FaceReference {
  readonly faceUrl?: Media | undefined;
  /** `[x1, y1, x2, y2]` in pixels. */
  readonly bbox?: readonly number[] | undefined;
  /** Instead of `bbox`: as `detectFaces` gives it. */
  readonly region?: Rectangle | undefined;
}

/** In pixels from the top left corner. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
