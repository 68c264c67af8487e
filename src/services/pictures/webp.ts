/** Reads the chunks of a WebP (RFC 9649). */
import { orientationIn } from './exif.js';
import type { FileBytes } from './file-bytes.js';
import { checkSize, PartCount, type PictureOutline, within } from './outline.js';
import { broken } from './picture-fault.js';
import { Pieces } from './pieces.js';

const RIFF_HEAD_BYTES = 12;
const CHUNK_HEAD_BYTES = 8;
/** Of a chunk VP8X, without its head. */
const VP8X_BYTES = 10;
/** Of an animation's frame, before its chunks. */
const FRAME_HEAD_BYTES = 16;
const HAS_PROFILE = 0x20;
const HAS_ALPHA = 0x10;
const HAS_EXIF = 0x08;
const IS_ANIMATED = 0x02;

interface Chunk {
  readonly type: string;
  readonly start: number;
  readonly content: number;
  readonly end: number;
  /** After the byte that makes its length even. */
  readonly next: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

export async function outlineOfWebp(bytes: FileBytes, maxPixels: number): Promise<PictureOutline> {
  const end = within(8 + (await bytes.at(0, RIFF_HEAD_BYTES)).readUInt32LE(4), bytes.size);
  const count = new PartCount();
  const chunks = await firstOfEachType(bytes, RIFF_HEAD_BYTES, end, count);
  const extension = chunks.get('VP8X')?.start === RIFF_HEAD_BYTES ? chunks.get('VP8X') : undefined;
  const canvas = extension && (await canvasIn(bytes, extension));
  if (canvas) checkSize(canvas.width, canvas.height, maxPixels);

  const frame = canvas && canvas.flags & IS_ANIMATED ? chunks.get('ANMF') : undefined;
  const shown = frame
    ? await firstOfEachType(bytes, frame.content + FRAME_HEAD_BYTES, frame.end, count)
    : chunks;
  const bitmap = shown.get('VP8 ') ?? shown.get('VP8L');
  if (!bitmap) throw broken('The WebP ends without a picture.');
  const size = await sizeIn(bytes, bitmap);
  checkSize(size.width, size.height, maxPixels);
  const isWhole = !canvas || (canvas.width === size.width && canvas.height === size.height);
  if (!isWhole && !frame) throw broken('The WebP is damaged: it states two sizes.');

  // Without its flag, programs ignore it.
  const exif = canvas && canvas.flags & HAS_EXIF ? chunks.get('EXIF') : undefined;
  const profile = canvas && canvas.flags & HAS_PROFILE ? chunks.get('ICCP') : undefined;
  const alpha = canvas && canvas.flags & HAS_ALPHA && bitmap.type === 'VP8 ' ? shown.get('ALPH') : undefined;
  const kept = [extension, profile, alpha, bitmap].filter((chunk) => chunk !== undefined);
  const { width, height } = canvas ?? size;
  const orientation = exif ? await orientationIn(bytes, exif.content, exif.end) : 1;
  return {
    shape: { width, height, orientation, colours: 'rgb', chroma: '4:4:4' },
    // A first frame that covers a part of the canvas has to be drawn.
    bare: isWhole ? await bareWebp(bytes, kept, profile !== undefined) : null,
    // Measured: libwebp keeps a lossless picture, and libvips a copy of a part of it.
    decoderBytes: bitmap.type === 'VP8L' || frame ? width * height * 6 : 0,
  };
}

async function firstOfEachType(
  bytes: FileBytes,
  from: number,
  end: number,
  count: PartCount,
): Promise<ReadonlyMap<string, Chunk>> {
  const found = new Map<string, Chunk>();
  for (let start = from; start + CHUNK_HEAD_BYTES <= end; ) {
    count.next();
    const head = await bytes.at(start, CHUNK_HEAD_BYTES);
    const content = start + CHUNK_HEAD_BYTES;
    const length = head.readUInt32LE(4);
    const chunk: Chunk = {
      type: head.toString('latin1', 0, 4),
      start,
      content,
      end: within(content + length, end),
      next: Math.min(content + length + (length & 1), end),
    };
    if (!found.has(chunk.type)) found.set(chunk.type, chunk);
    start = chunk.next;
  }
  return found;
}

async function canvasIn(
  bytes: FileBytes,
  { content, end }: Chunk,
): Promise<Size & { readonly flags: number }> {
  if (end - content !== VP8X_BYTES) throw broken('The WebP is damaged: its header has a wrong length.');
  const fields = await bytes.at(content, VP8X_BYTES);
  return {
    flags: fields.readUInt8(0),
    width: 1 + fields.readUIntLE(4, 3),
    height: 1 + fields.readUIntLE(7, 3),
  };
}

async function sizeIn(bytes: FileBytes, { type, content, end }: Chunk): Promise<Size> {
  const head = await bytes.at(content, Math.min(10, end - content));
  if (type === 'VP8L' && head.length >= 5 && head[0] === 0x2f) {
    const sizes = head.readUInt32LE(1);
    return { width: 1 + (sizes & 0x3fff), height: 1 + ((sizes >> 14) & 0x3fff) };
  }
  if (type === 'VP8 ' && head.length === 10 && head.readUIntBE(3, 3) === 0x9d012a) {
    // The upper two bits are a scale, which decoders ignore.
    return { width: head.readUInt16LE(6) & 0x3fff, height: head.readUInt16LE(8) & 0x3fff };
  }
  throw broken('The WebP is damaged: its picture has no header.');
}

/** Only the extended format (VP8X) has chunks besides the picture's own. */
async function bareWebp(bytes: FileBytes, kept: readonly Chunk[], hasProfile: boolean): Promise<Pieces> {
  const bare = new Pieces();
  const riff = Buffer.from(await bytes.at(0, RIFF_HEAD_BYTES));
  const bareRiff = Buffer.from(riff);
  bareRiff.writeUInt32LE(4 + kept.reduce((sum, { start, next }) => sum + next - start, 0), 4);
  keepOrPut(bare, 0, riff, bareRiff);
  for (const { type, start, content, next } of kept) {
    if (type === 'VP8X') {
      const chunk = Buffer.from(await bytes.at(start, next - start));
      const bareChunk = Buffer.from(chunk);
      bareChunk.writeUInt32LE(
        (chunk.readUInt8(content - start) & HAS_ALPHA) | (hasProfile ? HAS_PROFILE : 0),
        content - start,
      );
      keepOrPut(bare, start, chunk, bareChunk);
    } else {
      bare.keep(start, next);
    }
  }
  return bare;
}

function keepOrPut(bare: Pieces, start: number, original: Buffer, wanted: Buffer): void {
  if (original.equals(wanted)) bare.keep(start, start + original.length);
  else bare.put(wanted);
}
