/**
 * Bytes that callers make the program hold, bounded in all and for each of them.
 *
 * A caller may hold as much as the others leave free, so alone it gets a half, beside that one another gets a
 * quarter, and so on: nobody can take it all.
 */

/** So much of each request, answer or message its user need not count: small ones always find room. */
export const UNCOUNTED_BYTES = 64 * 1024;

export class HeldBytes {
  readonly #most: number;
  readonly #byCaller = new Map<string, number>();
  #all = 0;

  /** @param most in all */
  constructor(most: number) {
    this.#most = most;
  }

  /** What one request or socket of the caller holds: nothing yet. */
  open(caller: string): Holding {
    return new Holding((more) => this.#add(caller, more));
  }

  #add(caller: string, more: number): boolean {
    const held = (this.#byCaller.get(caller) ?? 0) + more;
    const all = this.#all + more;
    if (more > 0 && held > this.#most - all) return false;
    this.#all = all;
    if (held > 0) this.#byCaller.set(caller, held);
    else this.#byCaller.delete(caller);
    return true;
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
