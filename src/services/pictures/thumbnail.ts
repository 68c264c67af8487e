/** Small versions of pictures, for lists and previews. */
import { addAbortSignal, type Readable } from 'node:stream';
import { decoder } from './decoder-process.js';
import { FileBytes } from './file-bytes.js';
import type { FitLimits } from './fit.js';
import { KIND_BYTES, kindOf } from './kind.js';
import { isPicture, outlineOfPicture } from './picture.js';
import { broken, unsupported } from './picture-fault.js';
import { Turn } from './turn.js';

/** Of a picture that comes as a stream, and so is held in memory. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;

/** Apart from decoding, so that a slow stream delays no upload. */
const reading = new Turn();

/**
 * Draws a picture at a given width.
 *
 * @param source a JPEG, PNG or WebP: the path of a file, or a stream, which is read to its end or destroyed
 * @param width in pixels; a narrower picture keeps its own
 * @returns a WebP (`image/webp`), upright, in sRGB, without metadata, and at most 4096 pixels high
 * @throws PictureFault as `fitFile` does, and for a stream of more than 64 MiB; other errors are the source's, or
 * `signal`'s reason
 */
export async function thumbnailOf(
  source: Readable | string,
  width: number,
  limits: FitLimits,
): Promise<Buffer> {
  const { signal } = limits;
  if (typeof source === 'string') {
    const bytes = await FileBytes.open(source, signal);
    try {
      return await draw(source, bytes, width, limits);
    } finally {
      await bytes.close();
    }
  }
  // It may fail while it waits; reading it says so again.
  source.on('error', () => {});
  try {
    return await reading.take(signal, async () => {
      const content = await contentOf(source, signal);
      return draw(content, FileBytes.of(content, signal), width, limits);
    });
  } finally {
    source.destroy();
  }
}

async function draw(
  source: string | Buffer,
  bytes: FileBytes,
  width: number,
  { maxPixels, signal }: FitLimits,
): Promise<Buffer> {
  const kind = await kindOf(await bytes.at(0, Math.min(KIND_BYTES, bytes.size)));
  if (!isPicture(kind)) throw unsupported('Thumbnails are made of pictures only.');
  const { shape } = await outlineOfPicture(bytes, kind, maxPixels);
  const { content } = await decoder.perform({ kind: 'thumbnail', source, shape, width }, signal);
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}

async function contentOf(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of addAbortSignal(signal, stream) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_STREAM_BYTES) throw broken('The picture is too large for a thumbnail.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
