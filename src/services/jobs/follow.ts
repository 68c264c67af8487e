/**
 * Following jobs: joined to the bus first, then the present state, then only what is newer. In this order
 * nothing can fall between, whatever the bus doubles or reorders; what it loses, `CatchUp` makes good.
 */
import { jobNotFound } from '../../errors.js';
import type { JobBus, JobSignal, Unfollow } from '../bus/job-bus.js';
import type { JobStore } from '../store/job-store.js';
import { Feed } from './feed.js';
import { isFinal, isSettled, type Job } from './job.js';

export interface Sources {
  readonly store: Pick<JobStore, 'get'>;
  readonly bus: Pick<JobBus, 'followJob' | 'followTenant'>;
}

/** A follower of one job who does not keep up gets the newest of this many updates. */
const FEED_LIMIT = 16;
/** The same for one who follows all of a tenant's jobs. */
const TENANT_FEED_LIMIT = 1000;
/** Far more jobs than change while reminders of them may still come. */
const REMEMBERED_JOBS = 10_000;
/** How long a finished job is followed for the sake of the copy that is being made of its result. */
const ARCHIVE_GRACE_MS = 1000;

/** @throws GatewayError NOT_FOUND, also for somebody else's job */
export async function followJob(
  sources: Sources,
  tenant: string,
  id: string,
  afterVersion: number,
): Promise<AsyncIterableIterator<Job>> {
  const following = new JobFollowing(sources, id, afterVersion);
  try {
    await following.begin(tenant);
  } catch (error) {
    await following.feed.return();
    throw error;
  }
  return following.feed;
}

/** One follower of one job. */
class JobFollowing {
  readonly feed: Feed<Job>;
  readonly #sources: Sources;
  readonly #id: string;
  #newest: number;
  /** Until the present state is known, newer ones wait here: they must not overtake it. */
  #early: JobSignal[] | null = [];
  #leave: Unfollow | null = null;
  #grace: NodeJS.Timeout | undefined;
  #isReading = false;
  #readsAgain = false;

  constructor(sources: Sources, id: string, afterVersion: number) {
    this.#sources = sources;
    this.#id = id;
    this.#newest = afterVersion;
    this.feed = new Feed<Job>(FEED_LIMIT, () => this.#end());
  }

  async begin(tenant: string): Promise<void> {
    const { store, bus } = this.#sources;
    this.#leave = await bus.followJob(this.#id, (signal) => this.#hear(signal));
    const job = await store.get(this.#id);
    if (job === null || job.tenant !== tenant || job.eraseAt !== null) throw jobNotFound();
    const early = this.#early ?? [];
    this.#early = null;
    this.#offer(job);
    for (const signal of early) this.#hear(signal);
  }

  #hear(signal: JobSignal): void {
    if (this.#early !== null) this.#early.push(signal);
    else if (signal.job !== null) this.#offer(signal.job);
    else if (signal.version > this.#newest) void this.#read();
  }

  #offer(job: Job): void {
    const { feed } = this;
    if (feed.ended || job.id !== this.#id) return;
    if (job.version > this.#newest) {
      this.#newest = job.version;
      feed.push(job);
    }
    if (isSettled(job)) feed.complete();
    else if (isFinal(job.status)) this.#grace ??= setTimeout(() => feed.complete(), ARCHIVE_GRACE_MS);
  }

  /** Signals without a state are answered by reading: one read at a time, and one more after it. */
  async #read(): Promise<void> {
    this.#readsAgain = this.#isReading;
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      do {
        this.#readsAgain = false;
        const job = await this.#sources.store.get(this.#id);
        if (job === null || job.eraseAt !== null) this.feed.complete();
        else this.#offer(job);
      } while (this.#readsAgain);
    } catch (error) {
      this.feed.fail(error);
    } finally {
      this.#isReading = false;
    }
  }

  #end(): void {
    clearTimeout(this.#grace);
    this.#leave?.();
  }
}

/** Every change of a tenant's jobs from now on. Ends only when the follower leaves. */
export async function followTenant(
  { store, bus }: Sources,
  tenant: string,
  now: number,
): Promise<AsyncIterableIterator<Job>> {
  const leave: (() => void)[] = [];
  const feed = new Feed<Job>(TENANT_FEED_LIMIT, () => {
    for (const step of leave.splice(0)) step();
  });
  // What the bus doubles or reorders is known by the newest version that was given of each job.
  const newest = new Map<string, number>();
  const offer = (job: Job | null): void => {
    // A bus is believed in nothing: whose job it is, the store says.
    if (job === null || job.tenant !== tenant || job.eraseAt !== null) return;
    if (job.version <= (newest.get(job.id) ?? 0)) return;
    // The one that changed last is the last to be forgotten.
    newest.delete(job.id);
    newest.set(job.id, job.version);
    const [oldest] = newest.keys();
    if (newest.size > REMEMBERED_JOBS && oldest !== undefined) newest.delete(oldest);
    feed.push(job);
  };
  const fail = (error: unknown): void => feed.fail(error);
  const hear = ({ id, version, job, isReminder }: JobSignal): void => {
    if (job === null) {
      if (version > (newest.get(id) ?? 0)) store.get(id).then(offer, fail);
    } else if (!isReminder || job.updatedAt >= now) offer(job);
  };
  leave.push(await bus.followTenant(tenant, hear));
  return feed;
}
