/**
 * Following one job: joined to the bus first, then the present state, then only what is newer. In this order
 * nothing can fall between, whatever the bus doubles or reorders; what it loses, `CatchUp` makes good.
 */
import { jobNotFound } from '../../errors.js';
import type { JobBus, JobSignal, Unfollow } from '../bus/job-bus.js';
import type { InTurn } from '../event-turns.js';
import type { JobStore } from '../store/job-store.js';
import { Feed } from './feed.js';
import { isFinal, isSettled, type Job } from './job.js';
import { Reading } from './reading.js';

export interface Sources {
  readonly store: Pick<JobStore, 'get' | 'lastChange'>;
  readonly bus: Pick<JobBus, 'followJob' | 'followTenant'>;
}

export interface Following {
  /** The follower has this version already, and is given newer ones only. */
  readonly afterVersion?: number;
  /** Goes on after the end of the job until its result is kept, or the first attempt to keep it has failed. */
  readonly untilArchived?: boolean;
  /** At once unless told otherwise. */
  readonly inTurn?: InTurn;
}

/** A follower of one job who does not keep up gets the newest of this many updates. */
const FEED_LIMIT = 16;
/** How long a finished job is followed for the sake of the copy that is being made of its result. */
const ARCHIVE_GRACE_MS = 1000;
/** A failed attempt to make the copy is no change of the job, and so no news: those who wait for it look. */
const ARCHIVE_LOOK_MS = 1000;

/** @throws GatewayError NOT_FOUND, also for somebody else's job; STORE_UNAVAILABLE */
export async function followJob(
  sources: Sources,
  tenant: string,
  id: string,
  options: Following,
): Promise<AsyncIterableIterator<Job>> {
  const following = new JobFollowing(sources, id, options);
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
  readonly #untilArchived: boolean;
  #newest: number;
  /** Until the present state is known, newer ones wait here: they must not overtake it. */
  #early: JobSignal[] | null = [];
  #leave: Unfollow | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** Only where signals carry no state, or the copy is waited for: most followers never read. */
  #reading: Reading | null = null;

  constructor(sources: Sources, id: string, { afterVersion = 0, untilArchived = false, inTurn }: Following) {
    this.#sources = sources;
    this.#id = id;
    this.#untilArchived = untilArchived;
    this.#newest = afterVersion;
    this.feed = new Feed<Job>(FEED_LIMIT, () => this.#end(), inTurn);
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
    else if (signal.version > this.#newest) this.#read();
  }

  #offer(job: Job): void {
    const { feed } = this;
    if (feed.ended || job.id !== this.#id) return;
    if (job.version > this.#newest) {
      this.#newest = job.version;
      feed.push(job);
    }
    if (isSettled(job)) feed.complete();
    else if (isFinal(job.status)) this.#awaitCopy();
    else this.#expectMore();
  }

  /** Its end was taken back. */
  #expectMore(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #awaitCopy(): void {
    if (this.#untilArchived) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#read(), ARCHIVE_LOOK_MS);
    } else {
      this.#timer ??= setTimeout(() => this.feed.complete(), ARCHIVE_GRACE_MS);
    }
  }

  #read(): void {
    if (this.feed.ended) return;
    this.#reading ??= new Reading({
      read: (id) => this.#sources.store.get(id),
      take: (job) => {
        if (job === null || job.eraseAt !== null) this.feed.complete();
        else this.#offer(job);
      },
      fail: (reason) => this.feed.fail(reason),
      parallel: 1,
    });
    this.#reading.want(this.#id);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#reading?.stop();
    this.#leave?.();
  }
}
