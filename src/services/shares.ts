/**
 * What there is only so much of, shared by callers.
 *
 * A tenant may hold as much as the others leave free, so alone it gets a half, beside that one another gets a
 * quarter, and so on: nobody can take it all. What is held with follow tokens is held by their tenant, so that more
 * tokens are not a larger share; and of what the tenant has left, the tokens of one job get a half in the same way.
 */
import { allowanceOf, type Caller } from './auth/caller.js';

type Owner = Pick<Caller, 'tenant' | 'onlyJob'>;

export class Shares {
  readonly #most: number;
  /** By tenant, and by job for follow tokens. */
  readonly #byOwner = new Map<string, number>();
  #all = 0;

  /** @param most in all */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * False: there is no room for so much more, and nothing has changed.
   *
   * @param more negative to give back
   */
  take(caller: Owner, more: number): boolean {
    const owners = ownersOf(caller);
    if (more > 0 && !this.#hasRoom(owners, more)) return false;
    this.#all += more;
    for (const owner of owners) {
      const held = this.#heldBy(owner) + more;
      if (held > 0) this.#byOwner.set(owner, held);
      else this.#byOwner.delete(owner);
    }
    return true;
  }

  #hasRoom(owners: readonly string[], more: number): boolean {
    let free = this.#most - this.#all - more;
    for (const owner of owners) {
      const held = this.#heldBy(owner) + more;
      if (held > free) return false;
      // So much more it could hold: whatever one takes, the others no longer have.
      free = (free - held) / 2;
    }
    return true;
  }

  #heldBy(owner: string): number {
    return this.#byOwner.get(owner) ?? 0;
  }
}

/** The tenant; and within it the job, for who has a follow token. */
function ownersOf({ tenant, onlyJob }: Owner): readonly string[] {
  const ofTenant = allowanceOf({ tenant, onlyJob: null });
  return onlyJob === null ? [ofTenant] : [ofTenant, allowanceOf({ tenant, onlyJob })];
}
