/**
 * Divides a limited resource among callers.
 *
 * A tenant may hold as much as remains free: the first gets half, the next a quarter, and so on, so nobody can take all
 * of it. Holdings of follow tokens count towards their tenant, so more tokens do not get a larger share. In the same
 * way, the tokens of one job get half of what their tenant has left.
 *
 * Each tenant always has room for a little, and for as much again without follow tokens, whatever those hold.
 */
import type { Owner } from '../auth/caller.js';

/** The holdings of one tenant. */
interface Held {
  all: number;
  /** The part that is not held with follow tokens. */
  own: number;
  /** The part that each job's follow tokens hold; null if there are none. */
  byJob: Map<string, number> | null;
}

export class Shares {
  readonly #most: number;
  readonly #little: number;
  readonly #byTenant = new Map<string, Held>();
  #all = 0;

  /**
   * @param most the total
   * @param little what each tenant always has room for, even beyond the total
   */
  constructor(most: number, little = 0) {
    this.#most = most;
    this.#little = little;
  }

  /**
   * Takes `more`. Returns false, and changes nothing, if there is no room.
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

  /** @param holders what the tenant would hold, and what the follow tokens of the job would */
  #hasRoom(more: number, holders: readonly number[]): boolean {
    let free = this.#most - this.#all - more;
    for (const held of holders) {
      if (held > free) return false;
      // The holder could take this much more; whatever it takes, the others no longer have.
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
