/** Reads pictures of every accepted kind. */
import type { FileBytes } from './file-bytes.js';
import { outlineOfJpeg } from './jpeg.js';
import type { PictureOutline } from './outline.js';
import { broken } from './picture-fault.js';
import { outlineOfPng } from './png.js';
import { outlineOfWebp } from './webp.js';

/** Enough for any picture of 28 megapixels, and of 16 bits for 20; most kinds need nothing at all. */
const MAX_DECODER_BYTES = 160 * 1024 * 1024;

export type PictureKind = keyof typeof READERS;

const READERS = { jpg: outlineOfJpeg, png: outlineOfPng, webp: outlineOfWebp } as const;

export function isPicture(kind: string): kind is PictureKind {
  return Object.hasOwn(READERS, kind);
}

/**
 * Reads the whole file, but decodes nothing.
 *
 * @throws PictureFault `MEDIA_BROKEN` if it is cut off or damaged, or decoding it would take too much memory;
 * `MEDIA_UNSUPPORTED` if it is of a rare kind that other programs cannot read
 */
export async function outlineOfPicture(
  bytes: FileBytes,
  kind: PictureKind,
  maxPixels: number,
): Promise<PictureOutline> {
  const outline = await READERS[kind](bytes, maxPixels);
  if (outline.decoderBytes > MAX_DECODER_BYTES)
    throw broken('The picture takes too much memory to decode. Save it as a JPEG that is not progressive.');
  return outline;
}
