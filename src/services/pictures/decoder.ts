/** Decodes pictures with sharp (libvips). Loaded by the decoder's own process only. */
import { writeFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import type { DecoderTask, Drawn } from './decoder-task.js';
import { isTooLong, MAX_WRITTEN_EDGE_PIXELS, type Orientation, type PictureShape } from './outline.js';

const JPEG_QUALITY = 95;
const THUMBNAIL_QUALITY = 80;
/** Enough for the first row of blocks of a JPEG. */
const STRIP_PIXELS = 16;
const NOTHING = new Uint8Array();

/** The only readers that may run: none of SVG, PDF or anything else that a file might pass for. */
const READERS = ['Jpeg', 'Png', 'Webp'].flatMap((kind) => [
  `VipsForeignLoad${kind}File`,
  `VipsForeignLoad${kind}Buffer`,
]);

/** Mirrored left to right, and then turned clockwise by degrees. */
const TURNS: Readonly<Record<Orientation, readonly [isMirrored: boolean, degrees: number]>> = {
  1: [false, 0],
  2: [true, 0],
  3: [false, 180],
  4: [true, 180],
  5: [true, 270],
  6: [false, 90],
  7: [true, 90],
  8: [false, 270],
};

/** The picture cannot be decoded. */
export class DecodingError extends Error {}

export function prepareDecoder(): void {
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: READERS });
}

/** @throws DecodingError if the picture cannot be decoded; other errors are the disk's */
export async function perform(task: DecoderTask): Promise<Drawn> {
  switch (task.kind) {
    case 'check':
      await decode(task.path, task.shape, (picture) => checked(picture, task.shape, task.part).toBuffer());
      return { width: task.shape.width, height: task.shape.height, content: NOTHING };
    case 'upright': {
      const { data, info } = await decode(task.path, task.shape, (picture) =>
        upright(picture, task.shape).toBuffer({ resolveWithObject: true }),
      );
      // Written by us, because a full disk must not look like a broken picture.
      await writeFile(task.target, data);
      return { width: info.width, height: info.height, content: NOTHING };
    }
    case 'thumbnail': {
      const { data, info } = await decode(task.source, task.shape, (picture) =>
        thumbnail(picture, task.shape, task.width).toBuffer({ resolveWithObject: true }),
      );
      return { width: info.width, height: info.height, content: data };
    }
  }
}

/**
 * Decodes as much as it takes to see whether a decoder accepts the file. Of a JPEG or PNG that is the first strip,
 * because everything else at which decoders stop is in its structure and checksums, which have been read: some 20 ms
 * for 12 megapixels instead of 100 to 300. A WebP has neither, so all of it is decoded, at an eighth of its size.
 * Damage that decoders ignore, like a changed bit amid a JPEG's data, remains.
 */
function checked(picture: Sharp, { width, height }: PictureShape, part: 'rows' | 'whole'): Sharp {
  const strip = { left: 0, top: 0, width, height: Math.min(height, STRIP_PIXELS) };
  return (part === 'rows' ? picture.extract(strip) : picture.resize({ width: Math.ceil(width / 8) })).raw();
}

/**
 * Transparent parts become white, as most programs show them, because JPEG has no transparency. Pictures in CMYK
 * become sRGB; others keep their profile.
 */
function upright(picture: Sharp, shape: PictureShape): Sharp {
  const [width, height] = [MAX_WRITTEN_EDGE_PIXELS, MAX_WRITTEN_EDGE_PIXELS];
  // Scaled down first, because turning needs all pixels in memory.
  if (isTooLong(shape)) picture.resize({ width, height, fit: 'inside' });
  turn(picture, shape.orientation);
  if (shape.colours === 'grey') picture.toColourspace('b-w');
  if (shape.colours !== 'cmyk') picture.keepIccProfile();
  return (
    picture
      .flatten({ background: 'white' })
      // Optimised tables would save some 3 %, and need memory for the whole picture once more.
      .jpeg({ quality: JPEG_QUALITY, chromaSubsampling: shape.chroma, optimiseCoding: false })
  );
}

/** In sRGB, without metadata, and never enlarged. */
function thumbnail(picture: Sharp, { orientation }: PictureShape, width: number): Sharp {
  const [across, down] =
    orientation >= 5 ? [MAX_WRITTEN_EDGE_PIXELS, width] : [width, MAX_WRITTEN_EDGE_PIXELS];
  picture.resize({ width: across, height: down, fit: 'inside', withoutEnlargement: true });
  return turn(picture, orientation).webp({ quality: THUMBNAIL_QUALITY });
}

function turn(picture: Sharp, orientation: Orientation): Sharp {
  const [isMirrored, degrees] = TURNS[orientation];
  if (isMirrored) picture.flop();
  return degrees === 0 ? picture : picture.rotate(degrees);
}

async function decode<T>(
  source: string | Uint8Array,
  { width, height }: PictureShape,
  work: (picture: Sharp) => Promise<T>,
): Promise<T> {
  try {
    return await work(
      sharp(source, {
        // It must not find more pixels than the header promised.
        limitInputPixels: width * height,
        // Not at warnings: many cameras' files give reason for some, and all programs show them.
        failOn: 'error',
        sequentialRead: true,
      }),
    );
  } catch (error) {
    throw new DecodingError(error instanceof Error ? error.message : String(error));
  }
}
