/**
 * The scene at a URL. The sandbox does not look at the picture there: it always derives the same scene from a URL, and
 * both detection and drawing use it. So landmarks match the eyes in the sample pictures.
 */
import { hash } from 'node:crypto';

/** The assumed width and height of every picture and video, in pixels. */
export const SCENE_SIZE = 512;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Region extends Point {
  readonly width: number;
  readonly height: number;
}

export interface Face {
  readonly region: Region;
  /** Left eye, right eye, nose, middle of the mouth, its left corner, its right corner. */
  readonly landmarks: readonly [Point, Point, Point, Point, Point, Point];
}

export interface Scene {
  /** 16 hex digits that determine everything else. */
  readonly seed: string;
  readonly faces: readonly Face[];
}

/** The scene at a URL: `noface` in its path means no face, `two-faces` two, `faces-3` three (at most 20). */
export function sceneAt(url: string): Scene {
  const { pathname, searchParams } = new URL(url);
  const query = [...searchParams].filter(([name]) => !name.startsWith('sandbox-')).join('&');
  const named = /faces-(\d{1,2})(?!\d)/i.exec(pathname)?.[1];
  const count = /no-?face/i.test(pathname) ? 0 : /two-faces/i.test(pathname) ? 2 : Number(named ?? 1);
  return scene(seedOf(`${pathname}?${query}`), Math.min(count, 20));
}

/** Returns 16 hex digits for a text or bytes. */
export function seedOf(content: string | Buffer): string {
  return hash('sha256', content, 'hex').slice(0, 16);
}

/** `frame` moves the faces a little, like people in a video. */
export function scene(seed: string, count: number, frame = 0): Scene {
  const columns = Math.max(1, Math.ceil(Math.sqrt(count)));
  const rows = Math.max(1, Math.ceil(count / columns));
  const faces = Array.from({ length: count }, (_, index) => {
    const cell = { width: SCENE_SIZE / columns, height: SCENE_SIZE / rows };
    const sway = Math.sin((frame + trait(seed, 7)) / 9) * cell.width * (frame === 0 ? 0 : 0.05);
    const size = Math.min(cell.width, cell.height) * (0.44 + (trait(seed, index) % 50) / 500);
    return face({
      x: Math.round(cell.width * ((index % columns) + 0.5) - size / 2 + sway),
      y: Math.round(cell.height * (Math.floor(index / columns) + 0.5) - size * 0.62),
      width: Math.round(size),
      height: Math.round(size * 1.24),
    });
  });
  return { seed, faces };
}

/** Returns a number from 0 to 255 for a seed and an index. */
export function trait(seed: string, index: number): number {
  const at = (index * 2) % seed.length;
  return Number.parseInt(seed.slice(at, at + 2), 16) || 0;
}

/** The crop of a face: its region plus 30 % on each side, within the picture. */
export function cropAround({ region }: Face): Region {
  const x = Math.max(0, Math.round(region.x - region.width * 0.3));
  const y = Math.max(0, Math.round(region.y - region.height * 0.3));
  const right = Math.min(SCENE_SIZE, Math.round(region.x + region.width * 1.3));
  const bottom = Math.min(SCENE_SIZE, Math.round(region.y + region.height * 1.3));
  return { x, y, width: right - x, height: bottom - y };
}

function face(region: Region): Face {
  const at = (across: number, down: number): Point => ({
    x: Math.round(region.x + region.width * across),
    y: Math.round(region.y + region.height * down),
  });
  const landmarks = [
    at(0.3, 0.4),
    at(0.7, 0.4),
    at(0.5, 0.6),
    at(0.5, 0.78),
    at(0.34, 0.76),
    at(0.66, 0.76),
  ] as const;
  return { region, landmarks };
}
