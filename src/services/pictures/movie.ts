/** Reads size and length of an MP4 or MOV from its boxes (ISO/IEC 14496-12, QuickTime File Format). */
import type { FileBytes } from './file-bytes.js';
import { PartCount, within } from './outline.js';
import { broken, unsupported } from './picture-fault.js';
import { UNTOLD, type VideoOutline } from './video.js';

interface Box {
  readonly type: string;
  readonly content: number;
  readonly end: number;
}

interface Size {
  readonly width: number | null;
  readonly height: number | null;
}

/**
 * Only the heads of boxes and a few fields are read, whatever the boxes hold. A library would load the tables of all
 * frames, whose size is up to the sender.
 *
 * @throws PictureFault `MEDIA_BROKEN` if it is cut off, `MEDIA_UNSUPPORTED` if it has no pictures
 */
export async function outlineOfMovie(bytes: FileBytes): Promise<VideoOutline> {
  const count = new PartCount();
  let movie: Box | null = null;
  for await (const box of boxesIn(bytes, 0, bytes.size, count)) {
    // What follows a movie need not be boxes.
    if (movie !== null && !/^[a-z]{4}$/.test(box.type)) break;
    within(box.end, bytes.size);
    if (box.type === 'moov') movie ??= box;
  }
  if (movie === null)
    throw broken('The video has no index (moov): it was not recorded or sent completely. Send another one.');

  let durationSeconds: number | null = null;
  let timescale = 0;
  let size: Size | null = null;
  for await (const box of boxesIn(bytes, movie.content, movie.end, count)) {
    within(box.end, movie.end);
    // The index is compressed, as QuickTime wrote it at the turn of the century.
    if (box.type === 'cmov') return UNTOLD;
    if (box.type === 'mvhd') {
      const isLong = await isVersion1(bytes, box);
      timescale = (await fields(bytes, box, isLong ? 20 : 12, 4)).readUInt32BE();
      durationSeconds = await durationIn(bytes, box, isLong ? 24 : 16, timescale);
    } else if (box.type === 'trak') {
      size ??= await videoSizeIn(bytes, box, count);
    } else if (box.type === 'mvex') {
      durationSeconds ??= await fragmentsDurationIn(bytes, box, timescale, count);
    }
  }
  if (size === null) throw unsupported('This is sound without pictures. Send a video.');
  return { ...size, durationSeconds };
}

/** May yield a last box that ends beyond `end`. */
async function* boxesIn(bytes: FileBytes, start: number, end: number, count: PartCount): AsyncGenerator<Box> {
  for (let at = start; at + 8 <= end; ) {
    count.next();
    const head = await bytes.at(at, 8);
    const type = head.toString('latin1', 4);
    let content = at + 8;
    let size = head.readUInt32BE();
    if (size === 1) {
      size = Number((await bytes.at(content, 8)).readBigUInt64BE());
      content += 8;
    }
    // The last box of a file may extend to its end.
    const box = { type, content, end: size === 0 ? end : at + size };
    if (box.end < content) throw broken('The video is damaged: a part is smaller than its own header.');
    yield box;
    at = box.end;
  }
}

/** Returns null for a track of another kind. */
async function videoSizeIn(bytes: FileBytes, track: Box, count: PartCount): Promise<Size | null> {
  let size: Size = { width: null, height: null };
  let isVideo = false;
  for await (const box of boxesIn(bytes, track.content, track.end, count)) {
    within(box.end, track.end);
    if (box.type === 'tkhd') size = await shownSizeIn(bytes, box);
    if (box.type !== 'mdia') continue;
    for await (const inner of boxesIn(bytes, box.content, box.end, count)) {
      within(inner.end, box.end);
      if (inner.type === 'hdlr') isVideo = (await fields(bytes, inner, 8, 4)).toString('latin1') === 'vide';
    }
  }
  return isVideo ? size : null;
}

/** Applies the matrix of a track, with which phones turn what they recorded upright. */
async function shownSizeIn(bytes: FileBytes, box: Box): Promise<Size> {
  const matrix = Buffer.from(await fields(bytes, box, (await isVersion1(bytes, box)) ? 52 : 40, 44));
  const [a, b, c, d] = [0, 4, 12, 16].map((at) => Math.abs(matrix.readInt32BE(at)) / 0x10000) as [
    ...[number, number, number, number],
  ];
  const [width, height] = [36, 40].map((at) => matrix.readUInt32BE(at) / 0x10000) as [number, number];
  return { width: pixels(a * width + c * height), height: pixels(b * width + d * height) };
}

function pixels(length: number): number | null {
  const rounded = Math.round(length);
  return rounded >= 1 && rounded <= 0xffff ? rounded : null;
}

async function fragmentsDurationIn(
  bytes: FileBytes,
  parent: Box,
  timescale: number,
  count: PartCount,
): Promise<number | null> {
  for await (const box of boxesIn(bytes, parent.content, parent.end, count)) {
    within(box.end, parent.end);
    if (box.type === 'mehd') return durationIn(bytes, box, 4, timescale);
  }
  return null;
}

/** In seconds; null if the file says 0, or that it does not know. */
async function durationIn(bytes: FileBytes, box: Box, at: number, timescale: number): Promise<number | null> {
  const isLong = await isVersion1(bytes, box);
  const field = await fields(bytes, box, at, isLong ? 8 : 4);
  const isUnknown = field.every((byte) => byte === 0xff);
  const units = isLong ? Number(field.readBigUInt64BE()) : field.readUInt32BE();
  return isUnknown || units === 0 || timescale === 0 ? null : units / timescale;
}

async function isVersion1(bytes: FileBytes, box: Box): Promise<boolean> {
  return (await fields(bytes, box, 0, 1))[0] === 1;
}

async function fields(bytes: FileBytes, { content, end }: Box, at: number, length: number): Promise<Buffer> {
  if (content + at + length > end) throw broken('The video is damaged: a part of its index is too short.');
  return bytes.at(content + at, length);
}
