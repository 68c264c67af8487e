/**
 * Recovers what the bus lost: compares what is followed on this instance with the store, at once after a gap
 * in the bus, and every few seconds in any case, because some losses go unnoticed (an instance that died
 * between commit and publish). So followers lag by a few seconds at worst, even while the bus is down.
 *
 * The comparison costs one short read for several hundred followed jobs; only jobs with missed changes are
 * read in full.
 */
import type { Logger } from 'pino';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { JobBus } from '../jobs/job-bus.js';
import type { JobStore } from '../jobs/job-store.js';

/** The number of jobs compared in one read. */
const JOBS_AT_ONCE = 500;
/** The same for a tenant's changes. */
const CHANGES_AT_ONCE = 500;

export class CatchUp {
  readonly #store: Pick<JobStore, 'versions' | 'lastChange' | 'readChanges'>;
  readonly #bus: Pick<JobBus, 'onGap' | 'followedJobs' | 'followedTenants' | 'remindOfJob' | 'remindTenant'>;
  readonly #loop: PeriodicLoop;
  /** The last change up to which followers of tenants know everything. */
  #known = 0;
  #leave: (() => void) | null = null;

  constructor(parts: {
    readonly store: Pick<JobStore, 'versions' | 'lastChange' | 'readChanges'>;
    readonly bus: Pick<JobBus, 'onGap' | 'followedJobs' | 'followedTenants' | 'remindOfJob' | 'remindTenant'>;
    readonly log: Logger;
    readonly everyMs: number;
  }) {
    this.#store = parts.store;
    this.#bus = parts.bus;
    this.#loop = new PeriodicLoop(parts.everyMs, () => this.#compare(), parts.log);
  }

  /** Must be called before anyone follows. */
  async start(): Promise<void> {
    this.#known = (await this.#store.lastChange()).number;
    this.#leave ??= this.#bus.onGap(() => this.#loop.wake());
    this.#loop.start();
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.#leave?.();
    this.#leave = null;
    await this.#loop.stop();
  }

  async #compare(): Promise<void> {
    const ids = this.#bus.followedJobs();
    for (let i = 0; i < ids.length; i += JOBS_AT_ONCE) {
      const some = ids.slice(i, i + JOBS_AT_ONCE);
      const versions = await this.#store.versions(some);
      // A missing job was deleted; its followers find out when they read it.
      for (const id of some) this.#bus.remindOfJob(id, versions.get(id) ?? Number.POSITIVE_INFINITY);
    }
    // Read this before the list of followers: anyone who follows later starts at a later change.
    const last = await this.#store.lastChange();
    for (const tenant of this.#bus.followedTenants()) await this.#compareTenant(tenant);
    this.#known = last.number;
  }

  async #compareTenant(tenant: string): Promise<void> {
    for (let after = this.#known; ; ) {
      const { changed, isFull } = await this.#store.readChanges(tenant, after, CHANGES_AT_ONCE);
      for (const change of changed) this.#bus.remindTenant(tenant, change);
      const last = changed.at(-1);
      if (last === undefined || !isFull) return;
      after = last.place.number;
    }
  }
}
