/** Bytes that callers make the program hold, bounded in all and for each of them. */
import type { Caller } from '../auth/caller.js';
import { Shares } from './shares.js';

/** For so many each tenant finds room, whatever the others hold. What is no larger counts as small elsewhere. */
export const SMALL_BYTES = 64 * 1024;

export class HeldBytes {
  readonly #shares: Shares;

  /**
   * @param most in all
   * @param little for which each tenant finds room, even beyond that
   */
  constructor(most: number, little = SMALL_BYTES) {
    this.#shares = new Shares(most, little);
  }

  /** What one request or socket of the caller holds: nothing yet. */
  open(caller: Pick<Caller, 'tenant' | 'onlyJob'>): Holding {
    return new Holding((more) => this.#shares.take(caller, more));
  }
}

export class Holding {
  readonly #take: (more: number) => boolean;
  #bytes = 0;

  /** @param take counts them, unless there is no room; negative ones are given back */
  constructor(take: (more: number) => boolean) {
    this.#take = take;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False: there is no room for so many more, and nothing has changed. */
  add(bytes: number): boolean {
    const isTaken = this.#take(bytes);
    if (isTaken) this.#bytes += bytes;
    return isTaken;
  }

  /** Gives so many back. */
  remove(bytes: number): void {
    this.add(-bytes);
  }

  /** Gives all back. Safe to call twice. */
  release(): void {
    if (this.#bytes > 0) this.remove(this.#bytes);
  }
}
