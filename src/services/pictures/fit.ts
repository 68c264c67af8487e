/** Makes a received picture or video fit to be sent to the provider. */

/** Why a file can't be used: `UNSUPPORTED` by its bytes, or `BROKEN` (also: more pixels than allowed). */
export type PictureFaultCode = 'MEDIA_UNSUPPORTED' | 'MEDIA_BROKEN';

/** A file that can't be used. Its message says why and what to do. */
export class PictureFault extends Error {
  readonly code: PictureFaultCode;

  constructor(code: PictureFaultCode, message: string) {
    super(message);
    this.name = 'PictureFault';
    this.code = code;
  }
}

export interface FitFile {
  /** The given file if it is fit as it is; otherwise a new file beside it, which the caller must move or remove. */
  readonly path: string;
  readonly contentType: string;
  /** Pixels, upright; null for a video whose container does not tell. */
  readonly width: number | null;
  readonly height: number | null;
  /** Of a video, where its container tells. */
  readonly durationSeconds: number | null;
}

export interface FitLimits {
  readonly maxPixels: number;
  readonly signal: AbortSignal;
}
