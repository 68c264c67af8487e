/** Follows tenants' jobs without a gap: what changed since a place in the numbered changes, and then what changes. */
import type { InTurn } from '../limits/event-turns.js';
import { Shares } from '../limits/shares.js';
import type { Sources } from './follow.js';
import { type JobsNews, type Since, TenantChanges } from './tenant-changes.js';

/** Jobs that are read for single followers who come back, and not told yet. Beyond it, they are read one at a time. */
const MAX_UNTOLD = 20_000;

export class ChangeFollowers {
  readonly #sources: Sources;
  readonly #untold = new Shares(MAX_UNTOLD);
  readonly #byTenant = new Map<string, TenantChanges>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /**
   * Yields what changed since `since`, each job in its present state, then `CURRENT`, then every change. If that is too
   * much, or no longer known, it yields `RESYNC` instead of the first two. Ends only when the follower leaves.
   *
   * @throws GatewayError STORE_UNAVAILABLE
   */
  follow(tenant: string, since: Since, inTurn?: InTurn): Promise<AsyncIterableIterator<JobsNews>> {
    return (this.#byTenant.get(tenant) ?? this.#open(tenant)).follow(since, inTurn);
  }

  tenants(): readonly string[] {
    return [...this.#byTenant.keys()];
  }

  /** Tells the followers of a tenant which of its first waiting jobs moved. */
  tellPositions(tenant: string, positions: ReadonlyMap<string, number>): void {
    this.#byTenant.get(tenant)?.tellPositions(positions);
  }

  #open(tenant: string): TenantChanges {
    const changes = new TenantChanges(this.#sources, tenant, {
      takeRoom: (jobs) => this.#untold.take({ tenant, onlyJob: null }, jobs),
      onEnd: () => this.#byTenant.delete(tenant),
    });
    this.#byTenant.set(tenant, changes);
    return changes;
  }
}
