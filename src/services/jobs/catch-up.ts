/**
 * Makes good what the bus lost: compares what is followed on this instance with the store, at once when the
 * bus had a gap, and every few seconds in any case, because some losses have no witness (an instance that
 * died between its commit and its news). So followers lag by some seconds at worst, also while the bus is
 * down.
 *
 * The comparison costs one short read for some hundreds of followed jobs; only those of which something was
 * missed are read whole.
 */
import type { Logger } from 'pino';
import type { JobBus } from '../bus/job-bus.js';
import type { JobStore } from '../store/job-store.js';
import type { Clock } from './job-service.js';
import { PeriodicLoop } from './periodic-loop.js';

/** Changes are stored in another order than they are stamped, by so much at most, in milliseconds. */
const OVERLAP_MS = 10_000;
/** In one read. */
const JOBS_AT_ONCE = 500;

export class CatchUp {
  readonly #store: Pick<JobStore, 'versions' | 'changedSince'>;
  readonly #bus: Pick<JobBus, 'onGap' | 'followedJobs' | 'followedTenants' | 'remindOfJob' | 'remindTenant'>;
  readonly #clock: Clock;
  readonly #loop: PeriodicLoop;
  /** Up to when the changes of each followed tenant are known. */
  #knownUntil = new Map<string, number>();
  #leave: (() => void) | null = null;

  constructor(parts: {
    readonly store: Pick<JobStore, 'versions' | 'changedSince'>;
    readonly bus: Pick<JobBus, 'onGap' | 'followedJobs' | 'followedTenants' | 'remindOfJob' | 'remindTenant'>;
    readonly clock: Clock;
    readonly log: Logger;
    readonly everyMs: number;
  }) {
    this.#store = parts.store;
    this.#bus = parts.bus;
    this.#clock = parts.clock;
    this.#loop = new PeriodicLoop(parts.everyMs, () => this.#compare(), parts.log);
  }

  start(): void {
    this.#leave ??= this.#bus.onGap(() => this.#loop.wake());
    this.#loop.start();
  }

  /** Safe to call twice. */
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
      // What is gone was deleted: whoever follows it is told by reading it.
      for (const id of some) this.#bus.remindOfJob(id, versions.get(id) ?? Number.POSITIVE_INFINITY);
    }
    const knownUntil = new Map<string, number>();
    for (const tenant of this.#bus.followedTenants()) {
      const now = this.#clock.now();
      await this.#compareTenant(tenant, (this.#knownUntil.get(tenant) ?? now) - OVERLAP_MS);
      knownUntil.set(tenant, now);
    }
    this.#knownUntil = knownUntil;
  }

  async #compareTenant(tenant: string, since: number): Promise<void> {
    for (let from = since; ; ) {
      const jobs = await this.#store.changedSince(tenant, from, JOBS_AT_ONCE);
      for (const job of jobs) this.#bus.remindTenant(job);
      const last = jobs.at(-1);
      // More than a page in one millisecond can't be paged through.
      if (last === undefined || jobs.length < JOBS_AT_ONCE || last.updatedAt === from) return;
      from = last.updatedAt;
    }
  }
}
