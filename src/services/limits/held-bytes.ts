/** Limits the bytes held in memory on behalf of callers, in total and for each of them. */
import type { Owner } from '../auth/caller.js';
import { Shares } from './shares.js';

/** Each tenant always has room for this many bytes. Elsewhere, anything up to this size counts as small. */
export const SMALL_BYTES = 64 * 1024;

export class HeldBytes {
  readonly #shares: Shares;

  /**
   * @param most the total
   * @param little what each tenant always has room for, even beyond the total
   */
  constructor(most: number, little = SMALL_BYTES) {
    this.#shares = new Shares(most, little);
  }

  /** Returns the holding of one request or socket; empty at first. */
  open(caller: Owner): Holding {
    return new Holding((more) => this.#shares.take(caller, more));
  }
}

export class Holding {
  readonly #take: (more: number) => boolean;
  #bytes = 0;
  #isOver = false;

  /** @param take counts bytes, or whatever is held, or returns false if there is no room; a negative number gives back */
  constructor(take: (more: number) => boolean) {
    this.#take = take;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Returns false, and counts nothing, if there is no room or the holding has ended. */
  add(bytes: number): boolean {
    const isTaken = !this.#isOver && this.#take(bytes);
    if (isTaken) this.#bytes += bytes;
    return isTaken;
  }

  /** Gives bytes back; nothing once the holding has ended, which gave back all. */
  remove(bytes: number): void {
    this.add(-bytes);
  }

  /** Gives all bytes back. Safe to call twice. */
  release(): void {
    if (this.#bytes > 0) this.remove(this.#bytes);
  }

  /** Gives all bytes back for good, so that work which is still in progress can't change the count. Safe to call twice. */
  end(): void {
    this.release();
    this.#isOver = true;
  }
}
