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
  /** Of that, what is not held with follow tokens. */
  own: number;
  /** Of that, what each job's follow tokens hold; null while there are none. */
  byJob: Map<string, number> | null;
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
    const held = this.#byTenant.get(tenant);
    const all = (held?.all ?? 0) + more;
    const part = (onlyJob === null ? (held?.own ?? 0) : (held?.byJob?.get(onlyJob) ?? 0)) + more;
    if (more > 0) {
      const isLittle = (onlyJob === null ? part : all) <= this.#little;
      if (!isLittle && !this.#hasRoom(more, onlyJob === null ? [all] : [all, part])) return false;
    }
    this.#all += more;
    if (all <= 0) {
      this.#byTenant.delete(tenant);
      return true;
    }
    const now = held ?? { all, own: 0, byJob: null };
    if (held === undefined) this.#byTenant.set(tenant, now);
    now.all = all;
    if (onlyJob === null) now.own = part;
    else setPart(now, onlyJob, part);
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

function setPart(held: Held, job: string, part: number): void {
  if (part > 0) {
    held.byJob ??= new Map();
    held.byJob.set(job, part);
  } else {
    held.byJob?.delete(job);
  }
}
