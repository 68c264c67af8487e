/** Makes a received picture or video fit to be sent to the provider. */
import { rm } from 'node:fs/promises';
import { decoder } from './decoder-process.js';
import { FileBytes } from './file-bytes.js';
import { CONTENT_TYPES, KIND_BYTES, kindOf } from './kind.js';
import { outlineOfMovie } from './movie.js';
import { isTooLong } from './outline.js';
import { isPicture, outlineOfPicture, type PictureKind } from './picture.js';
import { outlineOfAvi, outlineOfWebm } from './video.js';

export { PictureFault, type PictureFaultCode } from './picture-fault.js';

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

const VIDEO_READERS = {
  mp4: outlineOfMovie,
  mov: outlineOfMovie,
  webm: outlineOfWebm,
  avi: outlineOfAvi,
} as const;

/**
 * Decides by its bytes what a complete file is, and makes a picture upright and free of metadata. One that is both
 * is returned as it is; one that is upright loses its metadata without being decoded; others are written anew as
 * JPEG. Videos are returned as they are. The file itself is never changed.
 *
 * @throws PictureFault if the file can't be used; other errors are the disk's, or `signal`'s reason
 */
export async function fitFile(path: string, { maxPixels, signal }: FitLimits): Promise<FitFile> {
  const bytes = await FileBytes.open(path, signal);
  try {
    const kind = await kindOf(await bytes.at(0, Math.min(KIND_BYTES, bytes.size)));
    if (isPicture(kind)) return await fitPicture(path, bytes, kind, { maxPixels, signal });
    return { path, contentType: CONTENT_TYPES[kind], ...(await VIDEO_READERS[kind](bytes)) };
  } finally {
    await bytes.close();
  }
}

async function fitPicture(
  path: string,
  bytes: FileBytes,
  kind: PictureKind,
  { maxPixels, signal }: FitLimits,
): Promise<FitFile> {
  const outline = await outlineOfPicture(bytes, kind, maxPixels);
  const { shape, bare } = outline;
  const fresh = `${path}.fit`;
  try {
    if (bare === null || shape.orientation !== 1 || isTooLong(shape)) {
      const { width, height } = await decoder.perform(
        { kind: 'upright', path, shape, target: fresh },
        signal,
      );
      return { path: fresh, contentType: CONTENT_TYPES.jpg, width, height, durationSeconds: null };
    }
    await decoder.perform({ kind: 'check', path, shape, part: kind === 'webp' ? 'whole' : 'rows' }, signal);
    const isFit = bare.are(bytes.size);
    if (!isFit) await bare.copy(bytes, fresh);
    const { width, height } = shape;
    const contentType = CONTENT_TYPES[kind];
    return { path: isFit ? path : fresh, contentType, width, height, durationSeconds: null };
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
