/** What a video's file says about it. Videos are neither decoded nor changed. */
import type { FileBytes } from './file-bytes.js';
import { PartCount, within } from './outline.js';
import { broken } from './picture-fault.js';

export interface VideoOutline {
  /** Pixels as shown, turned as the file says; null where it does not tell. */
  readonly width: number | null;
  readonly height: number | null;
  /** Null where it does not tell. */
  readonly durationSeconds: number | null;
}

export const UNTOLD: VideoOutline = { width: null, height: null, durationSeconds: null };

/** The element of a WebM that holds everything but its header. */
const SEGMENT_ID = 0x18538067n;

/**
 * Looks only whether it is complete (RFC 8794, section 6).
 *
 * @throws PictureFault `MEDIA_BROKEN` if it is cut off
 */
export async function outlineOfWebm(bytes: FileBytes): Promise<VideoOutline> {
  const count = new PartCount();
  for (let at = 0; ; ) {
    count.next();
    const id = await numberAt(bytes, at, 4);
    const size = await numberAt(bytes, at + id.length, 8);
    const mask = 2n ** BigInt(7 * size.length) - 1n;
    const isUnknown = (size.value & mask) === mask;
    const end = at + id.length + size.length + Number(size.value & mask);
    // Browsers record without knowing the length.
    if (id.value === SEGMENT_ID && isUnknown) return UNTOLD;
    at = within(end, bytes.size);
    if (id.value === SEGMENT_ID) return UNTOLD;
  }
}

/** Reads a number whose length is that of the zeros at its beginning, and one. */
async function numberAt(
  bytes: FileBytes,
  at: number,
  longest: number,
): Promise<{ value: bigint; length: number }> {
  const [first = 0] = await bytes.at(at, 1);
  const length = Math.clz32(first) - 23;
  if (length > longest) throw broken('The video is damaged: it has a number that is too long.');
  return { value: BigInt(`0x${(await bytes.at(at, length)).toString('hex')}`), length };
}

/**
 * Looks only whether it is complete.
 *
 * @throws PictureFault `MEDIA_BROKEN` if it is cut off
 */
export async function outlineOfAvi(bytes: FileBytes): Promise<VideoOutline> {
  within(8 + (await bytes.at(0, 8)).readUInt32LE(4), bytes.size);
  return UNTOLD;
}
