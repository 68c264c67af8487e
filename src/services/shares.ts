/**
 * What there is only so much of, shared by callers.
 *
 * A tenant may hold as much as the others leave free, so alone it gets a half, beside that one another gets a
 * quarter, and so on: nobody can take it all. What is held with follow tokens is held by their tenant, so that more
 * tokens are not a larger share; and of what the tenant has left, the tokens of one job get a half in the same way.
 *
 * Each tenant may hold a little whatever the others hold, and as much again whatever its follow tokens hold.
 */
import { allowanceOf, type Caller } from './auth/caller.js';

type Owner = Pick<Caller, 'tenant' | 'onlyJob'>;

export class Shares {
  readonly #most: number;
  readonly #little: number;
  /** By tenant; and of that its own, and what each job's follow tokens hold. */
  readonly #byOwner = new Map<string, number>();
  #all = 0;

  /**
   * @param most in all
   * @param little for which each tenant finds room, even beyond that
   */
  constructor(most: number, little = 0) {
    this.#most = most;
    this.#little = little;
  }

  /**
   * False: there is no room for so much more, and nothing has changed.
   *
   * @param more negative to give back
   */
  take(caller: Owner, more: number): boolean {
    if (more > 0 && !this.#isLittle(caller, more) && !this.#hasRoom(caller, more)) return false;
    this.#all += more;
    for (const owner of [tenantOf(caller), askerOf(caller)]) {
      const held = this.#heldBy(owner) + more;
      if (held > 0) this.#byOwner.set(owner, held);
      else this.#byOwner.delete(owner);
    }
    return true;
  }

  #isLittle(caller: Owner, more: number): boolean {
    const owner = caller.onlyJob === null ? askerOf(caller) : tenantOf(caller);
    return this.#heldBy(owner) + more <= this.#little;
  }

  #hasRoom(caller: Owner, more: number): boolean {
    let free = this.#most - this.#all - more;
    const owners = caller.onlyJob === null ? [tenantOf(caller)] : [tenantOf(caller), askerOf(caller)];
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

function tenantOf({ tenant }: Owner): string {
  return allowanceOf({ tenant, onlyJob: null });
}

/** The job, for who has a follow token; else the tenant itself, apart from those. */
function askerOf({ tenant, onlyJob }: Owner): string {
  return JSON.stringify([tenant, onlyJob]);
}
