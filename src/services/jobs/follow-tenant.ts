/**
 * Follows all jobs of a tenant. Duplicates and reordered messages of the bus are filtered out, and states
 * that the bus does not carry are read once for all followers of the tenant on this instance, of which there
 * may be thousands.
 */

import type { InTurn } from '../limits/event-turns.js';
import { Feed } from './feed.js';
import type { Sources } from './follow.js';
import type { Job } from './job.js';
import type { JobSignal, Unfollow } from './job-bus.js';
import { Reading } from './reading.js';

/** A follower that cannot keep up gets only the newest updates, at most this many. */
const MAX_TENANT_FEED = 1000;
/** Far more jobs than can change while reminders of them may still arrive. */
const MAX_REMEMBERED_JOBS = 10_000;
const TENANT_READS = 4;

export class TenantFollowers {
  readonly #sources: Sources;
  readonly #byTenant = new Map<string, TenantNews>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /**
   * Yields every change of the tenant's jobs from now on. Ends only when the follower leaves.
   *
   * @throws GatewayError STORE_UNAVAILABLE
   */
  async follow(tenant: string, inTurn?: InTurn): Promise<AsyncIterableIterator<Job>> {
    const news = this.#byTenant.get(tenant) ?? this.#open(tenant);
    const feed = news.join(inTurn);
    try {
      await news.begun;
    } catch (error) {
      await feed.return();
      throw error;
    }
    return feed;
  }

  #open(tenant: string): TenantNews {
    const news = new TenantNews(this.#sources, tenant, () => this.#byTenant.delete(tenant));
    this.#byTenant.set(tenant, news);
    return news;
  }
}

/** The changes of one tenant's jobs, while anyone follows them. */
class TenantNews {
  /** Resolves when no more changes can be missed; rejects for all followers if that fails. */
  readonly begun: Promise<void>;
  readonly #tenant: string;
  readonly #onEnd: () => void;
  readonly #feeds = new Set<Feed<Job>>();
  /** The newest version delivered for each job, which filters out duplicates and reordered messages. */
  readonly #newest = new Map<string, number>();
  readonly #reading: Reading<Job | null>;
  #leave: Unfollow | null = null;
  #isOver = false;
  /** The change to start from. Until it is known, reminders count as old; those of later changes are repeated. */
  #from = Number.POSITIVE_INFINITY;

  /** @param onEnd called once, when the last follower has left */
  constructor(sources: Sources, tenant: string, onEnd: () => void) {
    this.#tenant = tenant;
    this.#onEnd = onEnd;
    this.#reading = new Reading({
      read: (id) => sources.reads.of(id),
      take: (job) => this.#offer(job),
      fail: (reason) => {
        for (const feed of this.#feeds) feed.fail(reason);
      },
      parallel: TENANT_READS,
    });
    this.begun = this.#begin(sources);
  }

  join(inTurn?: InTurn): Feed<Job> {
    const leave = (): void => {
      this.#feeds.delete(feed);
      if (this.#feeds.size === 0) this.#end();
    };
    const feed = new Feed<Job>(MAX_TENANT_FEED, leave, inTurn);
    this.#feeds.add(feed);
    return feed;
  }

  async #begin({ bus, store }: Sources): Promise<void> {
    const leave = await bus.followTenant(this.#tenant, (signal) => this.#hear(signal));
    this.#leave = leave;
    if (this.#isOver) leave();
    this.#from = (await store.lastChange()).number;
  }

  #hear({ id, version, job, isReminder, change = 0 }: JobSignal): void {
    if (isReminder && change <= this.#from) return;
    if (job !== null) this.#offer(job);
    else if (version > (this.#newest.get(id) ?? 0)) this.#reading.want(id);
  }

  #offer(job: Job | null): void {
    // Don't trust the bus: only the store knows whose job this is.
    if (job === null || job.tenant !== this.#tenant || job.eraseAt !== null) return;
    if (job.version <= (this.#newest.get(job.id) ?? 0)) return;
    // Reinsert it, so that the job that changed last is forgotten last.
    this.#newest.delete(job.id);
    this.#newest.set(job.id, job.version);
    const [oldest] = this.#newest.keys();
    if (this.#newest.size > MAX_REMEMBERED_JOBS && oldest !== undefined) this.#newest.delete(oldest);
    for (const feed of this.#feeds) feed.push(job);
  }

  #end(): void {
    this.#isOver = true;
    this.#onEnd();
    this.#reading.stop();
    this.#leave?.();
  }
}
