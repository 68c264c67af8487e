/** A file made of parts of another one. */
import { open } from 'node:fs/promises';
import type { FileBytes } from './file-bytes.js';
import { broken } from './picture-fault.js';

/** Far more than any program writes: kept and removed parts alternate a few times. */
const MAX_PIECES = 1000;

/** Bytes from `start` up to, but not including, `end`. */
interface Region {
  readonly start: number;
  readonly end: number;
}

export class Pieces {
  readonly #pieces: (Region | Buffer)[] = [];

  /** Appends a part of the original. */
  keep(start: number, end: number): void {
    const last = this.#pieces.at(-1);
    if (last !== undefined && 'start' in last && last.end === start) {
      this.#pieces[this.#pieces.length - 1] = { start: last.start, end };
    } else {
      this.#append({ start, end });
    }
  }

  /** Appends bytes that are not in the original. */
  put(bytes: Buffer): void {
    this.#append(bytes);
  }

  #append(piece: Region | Buffer): void {
    if (this.#pieces.length === MAX_PIECES) throw broken('The picture has too many parts. Save it again.');
    this.#pieces.push(piece);
  }

  /** Whether they are the whole original, of `size` bytes, and nothing else. */
  are(size: number): boolean {
    const [first] = this.#pieces;
    return (
      this.#pieces.length === 1 &&
      first !== undefined &&
      'start' in first &&
      first.start === 0 &&
      first.end === size
    );
  }

  /** Writes them to a new file. */
  async copy(original: FileBytes, path: string): Promise<void> {
    const target = await open(path, 'w');
    try {
      for (const piece of this.#pieces) {
        if (!('start' in piece)) {
          await target.appendFile(piece);
          continue;
        }
        for (let at = piece.start; at < piece.end; ) {
          const bytes = await original.from(at, piece.end);
          await target.appendFile(bytes);
          at += bytes.length;
        }
      }
    } finally {
      await target.close();
    }
  }
}
