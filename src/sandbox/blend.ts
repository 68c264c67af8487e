/** Blends the face of one picture into another, marked as made by the sandbox. */
import sharp from 'sharp';
import type { BlendTask, Picture } from './blend-task.js';
import { MARK } from './mark.js';
import type { Region } from './scene.js';

/** Decoded: rows of red, green and blue, in target pictures with transparency also alpha. */
interface Canvas {
  readonly pixels: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

/** The longest edge that a gateway sends. */
const MAX_INPUT_EDGE = 4096;
/** The longest edge of a result. */
const MAX_EDGE = 2048;
/** The width of a face in the middle, as a share of the picture's shorter edge; and its height, as a share of that. */
const FACE_WIDTH = 0.45;
const FACE_HEIGHT = 1.24;
/** The share of the oval's radius along which it fades. */
const SOFT_EDGE = 0.3;
/** One cell of the mark for so many pixels of the shorter edge. */
const PIXELS_PER_CELL = 200;

/** Returns the target with an oval around the source's face in place of its own, as a PNG. @throws Error */
export async function blend({ source, target }: BlendTask): Promise<Buffer> {
  sharp.cache(false);
  sharp.concurrency(1);
  const canvas = await decode(target.bytes);
  const region = target.face ?? middleOf(canvas);
  drawOval(canvas, region, await cutFace(source, region));
  drawMark(canvas);
  const { pixels, ...raw } = canvas;
  return sharp(pixels, { raw }).png({ compressionLevel: 4 }).toBuffer();
}

async function decode(bytes: Uint8Array): Promise<Canvas> {
  const limits = { limitInputPixels: MAX_INPUT_EDGE ** 2, sequentialRead: true, failOn: 'error' } as const;
  const { data: pixels, info } = await sharp(bytes, limits)
    .autoOrient()
    .resize({ width: MAX_EDGE, height: MAX_EDGE, fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { pixels, width: info.width, height: info.height, channels: info.channels };
}

/** Returns the source's face without transparency, in the size of the region. */
async function cutFace({ bytes, face }: Picture, { width, height }: Region): Promise<Buffer> {
  const { pixels, ...raw } = await decode(bytes);
  const { x: left, y: top, ...size } = face ?? middleOf(raw);
  return sharp(pixels, { raw })
    .extract({ left, top, ...size })
    .resize({ width, height, fit: 'fill' })
    .removeAlpha()
    .raw()
    .toBuffer();
}

function middleOf({ width, height }: Pick<Canvas, 'width' | 'height'>): Region {
  const across = Math.max(1, Math.round(Math.min(width, height) * FACE_WIDTH));
  const down = Math.min(height, Math.round(across * FACE_HEIGHT));
  return {
    x: Math.floor((width - across) / 2),
    y: Math.floor((height - down) / 2),
    width: across,
    height: down,
  };
}

function drawOval({ pixels, width, channels }: Canvas, region: Region, face: Buffer): void {
  for (let y = 0; y < region.height; y++) {
    const down = (2 * (y + 0.5)) / region.height - 1;
    for (let x = 0; x < region.width; x++) {
      const across = (2 * (x + 0.5)) / region.width - 1;
      const weight = Math.min(1, (1 - Math.sqrt(across * across + down * down)) / SOFT_EDGE);
      if (weight <= 0) continue;
      const to = ((region.y + y) * width + region.x + x) * channels;
      const from = (y * region.width + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const before = pixels[to + channel] ?? 0;
        pixels[to + channel] = Math.round(before + ((face[from + channel] ?? 0) - before) * weight);
      }
      if (channels === 4) pixels[to + 3] = Math.max(pixels[to + 3] ?? 0, Math.round(255 * weight));
    }
  }
}

/** In the lower left corner; what does not fit into a tiny picture is left out. */
function drawMark({ pixels, width, height, channels }: Canvas): void {
  const cell = Math.max(1, Math.floor(Math.min(width, height) / PIXELS_PER_CELL));
  const top = Math.max(0, height - (MARK.length + 2) * cell);
  const left = Math.min(2 * cell, width - 1);
  for (let y = top; y < Math.min(height, top + MARK.length * cell); y++) {
    const row = MARK[Math.floor((y - top) / cell)] ?? '';
    for (let x = left; x < Math.min(width, left + row.length * cell); x++) {
      const at = (y * width + x) * channels;
      pixels.fill(row[Math.floor((x - left) / cell)] === '#' ? 255 : 40, at, at + 3);
      if (channels === 4) pixels[at + 3] = 255;
    }
  }
}
