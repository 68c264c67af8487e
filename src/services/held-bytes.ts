/**
 * Bytes that callers make the program hold, bounded in all and for each of them.
 *
 * A tenant may hold as much as the others leave free, so alone it gets a half, beside that one another gets a
 * quarter, and so on: nobody can take it all. What is held with follow tokens is held by their tenant, so that more
 * tokens are not more room; and of what the tenant has left, the tokens of one job get a half in the same way.
 */
import { allowanceOf, type Caller } from './auth/caller.js';

/** So much of each request, answer or message its user need not count: small ones always find room. */
export const UNCOUNTED_BYTES = 64 * 1024;

export class HeldBytes {
  readonly #most: number;
  /** By tenant, and by job for follow tokens. */
  readonly #byOwner = new Map<string, number>();
  #all = 0;

  /** @param most in all */
  constructor(most: number) {
    this.#most = most;
  }

  /** What one request or socket of the caller holds: nothing yet. */
  open(caller: Pick<Caller, 'tenant' | 'onlyJob'>): Holding {
    const owners = ownersOf(caller);
    return new Holding((more) => this.#add(owners, more));
  }

  #add(owners: readonly string[], more: number): boolean {
    if (more > 0 && !this.#hasRoom(owners, more)) return false;
    this.#all += more;
    for (const owner of owners) {
      const held = (this.#byOwner.get(owner) ?? 0) + more;
      if (held > 0) this.#byOwner.set(owner, held);
      else this.#byOwner.delete(owner);
    }
    return true;
  }

  #hasRoom(owners: readonly string[], more: number): boolean {
    let free = this.#most - this.#all - more;
    for (const owner of owners) {
      const held = (this.#byOwner.get(owner) ?? 0) + more;
      if (held > free) return false;
      // So much more it may hold, as each byte is one that others can't have.
      free = (free - held) / 2;
    }
    return true;
  }
}

/** The tenant; and within it the job, for who has a follow token. */
function ownersOf({ tenant, onlyJob }: Pick<Caller, 'tenant' | 'onlyJob'>): readonly string[] {
  const ofTenant = allowanceOf({ tenant, onlyJob: null });
  return onlyJob === null ? [ofTenant] : [ofTenant, allowanceOf({ tenant, onlyJob })];
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
