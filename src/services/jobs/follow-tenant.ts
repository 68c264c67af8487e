/**
 * Following all jobs of a tenant. What the bus doubles or reorders is told apart, and what it does not carry is read,
 * once for all who follow the same tenant here: there may be thousands.
 */
import type { JobSignal, Unfollow } from '../bus/job-bus.js';
import type { InTurn } from '../event-turns.js';
import { Feed } from './feed.js';
import type { Sources } from './follow.js';
import type { Job } from './job.js';
import { Reading } from './reading.js';

/** A follower who does not keep up gets the newest of this many updates. */
const TENANT_FEED_LIMIT = 1000;
/** Far more jobs than change while reminders of them may still come. */
const REMEMBERED_JOBS = 10_000;
const TENANT_READS = 4;

export class TenantFollowers {
  readonly #sources: Sources;
  readonly #byTenant = new Map<string, TenantNews>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** Every change of the tenant's jobs from now on. Ends only when the follower leaves. @throws GatewayError STORE_UNAVAILABLE */
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

/** The changes of one tenant's jobs, for as long as somebody follows them. */
class TenantNews {
  /** Nothing can be missed from then on. Rejects for all who wait for it. */
  readonly begun: Promise<void>;
  readonly #tenant: string;
  readonly #onEnd: () => void;
  readonly #feeds = new Set<Feed<Job>>();
  /** What the bus doubles or reorders is known by the newest version that was given of each job. */
  readonly #newest = new Map<string, number>();
  readonly #reading: Reading;
  #leave: Unfollow | null = null;
  #isOver = false;
  /** Until it is known, reminders are of before: whatever is after it will be reminded of again. */
  #from = Number.POSITIVE_INFINITY;

  /** @param onEnd called once, when the last follower has left */
  constructor(sources: Sources, tenant: string, onEnd: () => void) {
    this.#tenant = tenant;
    this.#onEnd = onEnd;
    this.#reading = new Reading({
      read: (id) => sources.store.get(id),
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
    const feed = new Feed<Job>(TENANT_FEED_LIMIT, leave, inTurn);
    this.#feeds.add(feed);
    return feed;
  }

  async #begin({ bus, store }: Sources): Promise<void> {
    const leave = await bus.followTenant(this.#tenant, (signal) => this.#hear(signal));
    this.#leave = leave;
    if (this.#isOver) leave();
    this.#from = await store.lastChange();
  }

  #hear({ id, version, job, isReminder, change = 0 }: JobSignal): void {
    if (job === null) {
      if (version > (this.#newest.get(id) ?? 0)) this.#reading.want(id);
    } else if (!isReminder || change > this.#from) this.#offer(job);
  }

  #offer(job: Job | null): void {
    // A bus is believed in nothing: whose job it is, the store says.
    if (job === null || job.tenant !== this.#tenant || job.eraseAt !== null) return;
    if (job.version <= (this.#newest.get(job.id) ?? 0)) return;
    // The one that changed last is the last to be forgotten.
    this.#newest.delete(job.id);
    this.#newest.set(job.id, job.version);
    const [oldest] = this.#newest.keys();
    if (this.#newest.size > REMEMBERED_JOBS && oldest !== undefined) this.#newest.delete(oldest);
    for (const feed of this.#feeds) feed.push(job);
  }

  #end(): void {
    this.#isOver = true;
    this.#onEnd();
    this.#reading.stop();
    this.#leave?.();
  }
}
