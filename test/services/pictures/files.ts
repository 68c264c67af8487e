/** Pictures and videos for tests: made by sharp, or byte by byte where no program would make them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { type FitFile, fitFile } from '../../../src/services/pictures/fit.js';

export const MAX_PIXELS = 50_000_000;

/** Files in a folder of their own. */
export class Files {
  readonly folder = mkdtempSync(join(tmpdir(), 'pictures-'));
  #count = 0;

  /** Returns its path. */
  write(content: Uint8Array): string {
    this.#count += 1;
    const path = join(this.folder, String(this.#count));
    writeFileSync(path, content);
    return path;
  }

  fit(content: Uint8Array, signal?: AbortSignal): Promise<FitFile> {
    return this.fitAt(this.write(content), signal);
  }

  fitAt(path: string, signal = new AbortController().signal): Promise<FitFile> {
    return fitFile(path, { maxPixels: MAX_PIXELS, signal });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Something with edges and colours whose four corners differ. */
export function scene(width = 64, height = 48): Sharp {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [right, low] = [x / width, y / height];
      const colour = x < width / 2 === y < height / 2 ? [220, 60, 40] : [30, 90, 200];
      pixels.set(
        [(colour[0] ?? 0) * (1 - right / 2), (colour[1] ?? 0) * (1 - low / 2), colour[2] ?? 0],
        3 * (y * width + x),
      );
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

export const latin = (text: string): Buffer => Buffer.from(text, 'latin1');

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function uint32LE(value: number): Buffer {
  return uint32(value).reverse();
}

/** A TIFF header with one directory of one entry. */
export function exif(orientation: number, isLittle = false): Buffer {
  const bytes = Buffer.concat([
    latin('MM\0*'),
    uint32(8),
    uint16(1),
    ...[uint16(0x0112), uint16(3), uint32(1), uint16(orientation), uint16(0)],
    uint32(0),
  ]);
  if (!isLittle) return bytes;
  return Buffer.concat([
    latin('II*\0'),
    uint32LE(8),
    Buffer.from([1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]),
    uint32(0),
  ]);
}

/** A segment of a JPEG. */
export function segment(marker: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xff, marker]), uint16(content.length + 2), content]);
}

export function exifSegment(orientation: number, isLittle = false): Buffer {
  return segment(0xe1, Buffer.concat([latin('Exif\0\0'), exif(orientation, isLittle)]));
}

/**
 * A JPEG with one component. By default its tables have one code of one bit, so that a block of one colour is two
 * bits, and it has two blocks with a restart marker between them.
 */
export function smallJpeg(
  options: {
    readonly width?: number;
    readonly height?: number;
    readonly frame?: number;
    readonly precision?: number;
    readonly between?: readonly Buffer[];
    readonly data?: Buffer;
    readonly end?: Buffer;
  } = {},
): Buffer {
  const { width = 16, height = 8, frame = 0xc0, precision = 8, between = [] } = options;
  const { data = latin('\x3f\xff\xd0\x3f'), end = latin('\xff\xd9') } = options;
  const table = Buffer.concat([Buffer.from([1]), Buffer.alloc(16)]);
  return Buffer.concat([
    latin('\xff\xd8'),
    segment(0xdb, Buffer.concat([Buffer.from([0]), Buffer.alloc(64, 1)])),
    segment(0xdd, uint16(1)),
    segment(
      frame,
      Buffer.concat([Buffer.from([precision]), uint16(height), uint16(width), Buffer.from([1, 1, 0x11, 0])]),
    ),
    segment(0xc4, Buffer.concat([Buffer.from([0]), table])),
    segment(0xc4, Buffer.concat([Buffer.from([0x10]), table])),
    ...between,
    segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
    data,
    end,
  ]);
}

/** Puts segments after the start of a JPEG. */
export function withSegments(jpeg: Buffer, ...segments: readonly Buffer[]): Buffer {
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

/** A chunk of a PNG. */
export function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([latin(type), content]);
  return Buffer.concat([uint32(content.length), body, uint32(crc32(body))]);
}

export const PNG_SIGNATURE = latin('\x89PNG\r\n\x1a\n');

export function header(
  width: number,
  height: number,
  [depth, colour, interlace]: readonly [number, number, number],
): Buffer {
  return chunk(
    'IHDR',
    Buffer.concat([uint32(width), uint32(height), Buffer.from([depth, colour, 0, 0, interlace])]),
  );
}

/** A PNG of one colour, of any size, in few bytes. */
export function flatPng(
  width: number,
  height: number,
  options: {
    readonly kind?: readonly [number, number, number];
    readonly data?: Buffer;
    readonly extra?: readonly Buffer[];
  } = {},
): Buffer {
  const { kind = [8, 0, 0], data = deflateSync(Buffer.alloc((width + 1) * height)), extra = [] } = options;
  return Buffer.concat([
    PNG_SIGNATURE,
    header(width, height, kind),
    ...extra,
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Puts chunks after the header of a PNG. */
export function withChunks(png: Buffer, ...chunks: readonly Buffer[]): Buffer {
  return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

/** A chunk of a WebP or an AVI. */
export function riffChunk(type: string, content: Buffer): Buffer {
  return Buffer.concat([latin(type), uint32LE(content.length), content, Buffer.alloc(content.length % 2)]);
}

export function riff(form: string, ...chunks: readonly Buffer[]): Buffer {
  const content = Buffer.concat([latin(form), ...chunks]);
  return Buffer.concat([latin('RIFF'), uint32LE(content.length), content]);
}

/** The chunks of a WebP or AVI, without its head. */
export function riffBody(file: Buffer): Buffer {
  return file.subarray(12);
}

/** The chunk VP8X, for a canvas of this size. */
export function canvas(width: number, height: number, flags: number): Buffer {
  const content = Buffer.alloc(10);
  content.writeUInt8(flags);
  content.writeUIntLE(width - 1, 4, 3);
  content.writeUIntLE(height - 1, 7, 3);
  return riffChunk('VP8X', content);
}

/** A box of an MP4. */
export function box(type: string, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat([latin(type), ...content]);
  return Buffer.concat([uint32(body.length + 4), body]);
}
