/** What a picture's file says about it, read without decoding a pixel. */
import { broken, cutOff } from './picture-fault.js';
import type { Pieces } from './pieces.js';

/** The most that a JPEG can have, and that decoders of other kinds accept. */
const MAX_EDGE_PIXELS = 65_535;
/** The longest edge of a picture that is sent to the provider. */
export const MAX_WRITTEN_EDGE_PIXELS = 4096;
/** Programs that write small parts reach some thousands. */
const MAX_PARTS = 100_000;

/** How a picture has to be turned to be upright, as in EXIF: 1 not at all, 2 to 4 keep its edges, 5 to 8 swap them. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** What a decoder has to know of a picture. */
export interface PictureShape {
  /** As stored, before it is turned. */
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  readonly colours: 'grey' | 'rgb' | 'cmyk';
  /** `4:2:0` if colours have at most half of the resolution in both directions. */
  readonly chroma: '4:4:4' | '4:2:0';
}

export interface PictureOutline {
  readonly shape: PictureShape;
  /** The same picture without metadata, and without what follows its end. Null: only decoding gets it. */
  readonly bare: Pieces | null;
  /** What a decoder keeps while it reads the whole file, in bytes; 0 for one that goes row by row. */
  readonly decoderBytes: number;
}

/** To be called as soon as the size is known, and before anything that takes longer for a larger picture. */
export function checkSize(width: number, height: number, maxPixels: number): void {
  if (width === 0 || height === 0) throw broken('The picture has no pixels.');
  if (width * height <= maxPixels && Math.max(width, height) <= MAX_EDGE_PIXELS) return;
  const [w, h, most] = [width, height, maxPixels].map((number) => number.toLocaleString('en-US'));
  throw broken(
    `The picture has ${w} × ${h} pixels; at most ${most} pixels, and ${MAX_EDGE_PIXELS.toLocaleString('en-US')} on a side, are allowed. Send a smaller one.`,
  );
}

export function isTooLong({ width, height }: PictureShape): boolean {
  return Math.max(width, height) > MAX_WRITTEN_EDGE_PIXELS;
}

/** Counts segments, chunks or boxes, so that a walk through a file is bounded whatever it says of their sizes. */
export class PartCount {
  #count = 0;

  next(): void {
    this.#count += 1;
    if (this.#count > MAX_PARTS) throw broken('The file has too many parts. Save it again.');
  }
}

/** Returns `end` unless the file is shorter. */
export function within(end: number, size: number): number {
  if (end > size) throw cutOff();
  return end;
}
