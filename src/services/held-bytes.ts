/** Bytes that callers make the program hold, bounded in all and for each of them. */
import type { Caller } from './auth/caller.js';
import { Shares } from './shares.js';

/** So much of each request, answer or message its user need not count: small ones always find room. */
export const UNCOUNTED_BYTES = 64 * 1024;

export class HeldBytes {
  readonly #shares: Shares;

  /** @param most in all */
  constructor(most: number) {
    this.#shares = new Shares(most);
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
    this.remove(this.#bytes);
  }
}
