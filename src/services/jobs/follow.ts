/**
 * Follows one job: subscribes to the bus first, then reads the current state, then passes on only newer ones.
 * In this order nothing is missed, whatever the bus duplicates or reorders; `CatchUp` recovers what it loses.
 */
import { jobNotFound } from '../../errors.js';
import type { InTurn } from '../limits/event-turns.js';
import { Feed } from './feed.js';
import { isFinal, isSettled, type Job } from './job.js';
import type { JobBus, JobSignal, Unfollow } from './job-bus.js';
import type { JobStore } from './job-store.js';
import { Reading } from './reading.js';
import type { SharedReads } from './shared-reads.js';

export interface Sources {
  readonly store: Pick<
    JobStore,
    'get' | 'waitingJobs' | 'firstInQueue' | 'lastChange' | 'hasChange' | 'countChanges' | 'readChanges'
  >;
  /** Reads a job once for all followers that were notified together. */
  readonly reads: Pick<SharedReads<Job>, 'of'>;
  readonly bus: Pick<JobBus, 'followJob' | 'followTenant'>;
}

export interface Following {
  /** The follower already has this version, and gets only newer ones. */
  readonly afterVersion?: number;
  /**
   * Continue after the job has finished until its result is archived, or the first attempt to archive it has failed.
   */
  readonly untilArchived?: boolean;
  /** Default: at once. */
  readonly inTurn?: InTurn;
}

/** A follower that cannot keep up gets only the newest updates, at most this many. */
const MAX_FEED = 16;
/** How long to keep following a finished job whose result is being copied. */
const ARCHIVE_GRACE_MS = 1000;
/**
 * How often to check for a failed attempt to copy, which is not a change of the job and so is not published.
 */
const ARCHIVE_LOOK_MS = 1000;

/** @throws GatewayError NOT_FOUND, also for another tenant's job; STORE_UNAVAILABLE */
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

class JobFollowing {
  readonly feed: Feed<Job>;
  readonly #sources: Sources;
  readonly #id: string;
  readonly #untilArchived: boolean;
  #newest: number;
  /** Newer states wait here until the current one is known, because they must not overtake it. */
  #early: JobSignal[] | null = [];
  #leave: Unfollow | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** Created only if signals carry no state, or while waiting for the copy: most followers never read. */
  #reading: Reading<Job | null> | null = null;

  constructor(sources: Sources, id: string, { afterVersion = 0, untilArchived = false, inTurn }: Following) {
    this.#sources = sources;
    this.#id = id;
    this.#untilArchived = untilArchived;
    this.#newest = afterVersion;
    this.feed = new Feed<Job>(MAX_FEED, () => this.#end(), inTurn);
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
    else if (signal.job !== null) this.#take(signal.job);
    else if (signal.version > this.#newest) this.#read();
  }

  #take(job: Job | null): void {
    if (job === null || job.eraseAt !== null) this.feed.complete();
    else this.#offer(job);
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

  /** Continues after the job's end was revoked. */
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
      read: (id) => this.#sources.reads.of(id),
      take: (job) => this.#take(job),
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
