/**
 * What there is only so much of, shared by callers.
 *
 * A tenant may hold as much as the others leave free, so alone it gets a half, beside that one another gets a
 * quarter, and so on: nobody can take it all. What is held with follow tokens is held by their tenant, so that more
 * tokens are not a larger share; and of what the tenant has left, the tokens of one job get a half in the same way.
 *
 * Each tenant may hold a little whatever the others hold, and as much again whatever its follow tokens hold.
 */
import type { Caller } from '../auth/caller.js';

type Owner = Pick<Caller, 'tenant' | 'onlyJob'>;

/** What one tenant holds. */
interface Held {
  all: number;
  /** Of that its own (null), and what each job's follow tokens hold. */
  readonly byJob: Map<string | null, number>;
}

export class Shares {
  readonly #most: number;
  readonly #little: number;
  readonly #byTenant = new Map<string, Held>();
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
  take({ tenant, onlyJob }: Owner, more: number): boolean {
    const held = this.#byTenant.get(tenant) ?? { all: 0, byJob: new Map<string | null, number>() };
    const all = held.all + more;
    const ofJob = (held.byJob.get(onlyJob) ?? 0) + more;
    if (more > 0) {
      const isLittle = (onlyJob === null ? ofJob : all) <= this.#little;
      if (!isLittle && !this.#hasRoom(more, onlyJob === null ? [all] : [all, ofJob])) return false;
    }
    this.#all += more;
    held.all = all;
    if (ofJob > 0) held.byJob.set(onlyJob, ofJob);
    else held.byJob.delete(onlyJob);
    if (all > 0) this.#byTenant.set(tenant, held);
    else this.#byTenant.delete(tenant);
    return true;
  }

  /** @param holders what each would hold: the tenant, and the job of its follow tokens */
  #hasRoom(more: number, holders: readonly number[]): boolean {
    let free = this.#most - this.#all - more;
    for (const held of holders) {
      if (held > free) return false;
      // So much more it could hold: whatever one takes, the others no longer have.
      free = (free - held) / 2;
    }
    return true;
  }
}
