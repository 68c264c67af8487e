/** What is sent to the process that blends pictures, and what it answers. */
import type { Region } from './scene.js';

export interface Picture {
  /** JPEG, PNG or WebP. */
  readonly bytes: Uint8Array;
  /** Where its face is, in pixels; undefined: in the middle. */
  readonly face: Region | undefined;
}

export interface BlendTask {
  readonly source: Picture;
  readonly target: Picture;
}

/** A PNG, or why there is none. */
export type BlendAnswer = { readonly picture: Uint8Array } | { readonly reason: string };
