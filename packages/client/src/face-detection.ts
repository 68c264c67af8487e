/** The faces in a picture or video. */
import type { Media } from './media.js';
import type { Rectangle } from './submit-input.js';

/** Either `url` or `image`. */
export interface DetectFacesInput {
  readonly url?: Media | undefined;
  /** In base64; at most 5 MB decoded. */
  readonly image?: string | undefined;
  /** How many frames of a video to examine, 1 to 100. */
  readonly numFrames?: number | undefined;
  /** Return only the largest face of each frame. */
  readonly singleFace?: boolean | undefined;
}

export interface FaceDetection {
  /** One for a picture; several for a video. */
  readonly frames: readonly DetectedFrame[];
}

export interface DetectedFrame {
  readonly index: number;
  /** From the start of the video; null for a picture. */
  readonly timeSeconds: number | null;
  readonly faces: readonly DetectedFace[];
}

export interface DetectedFace {
  /** Six points: eyes, nose, mouth centre and corners. */
  readonly landmarks: readonly { readonly x: number; readonly y: number }[];
  /** For `FacePicture.opts`. */
  readonly opts: string | null;
  /** The cropped face. */
  readonly faceUrl: string | null;
  readonly region: Rectangle;
  /** The part of the picture that `faceUrl` shows. */
  readonly cropRegion: Rectangle | null;
}
