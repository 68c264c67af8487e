/** The messages between the gateway and its decoder, which are copied from one process to the other. */
import type { PictureShape } from './outline.js';

export type DecoderTask =
  /** See whether a decoder accepts it: the first rows, or the whole picture. */
  | {
      readonly kind: 'check';
      readonly path: string;
      readonly shape: PictureShape;
      readonly part: 'rows' | 'whole';
    }
  /** Write it as an upright JPEG without metadata to the file `target`. */
  | { readonly kind: 'upright'; readonly path: string; readonly shape: PictureShape; readonly target: string }
  /** Return a WebP of at most this width. */
  | {
      readonly kind: 'thumbnail';
      readonly source: string | Uint8Array;
      readonly shape: PictureShape;
      readonly width: number;
    };

export interface Drawn {
  readonly width: number;
  readonly height: number;
  /** Of a thumbnail; otherwise empty. */
  readonly content: Uint8Array;
}

export type DecoderAnswer =
  | { readonly outcome: 'done'; readonly drawn: Drawn }
  /** The picture cannot be decoded. */
  | { readonly outcome: 'broken'; readonly reason: string }
  /** The system failed, for example the disk. */
  | { readonly outcome: 'failed'; readonly reason: string; readonly code: string | undefined };
