/**
 * Following jobs: joined to the bus first, then the present state, then only what is newer. In this order
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
/** The same for one who follows all of a tenant's jobs. */
const TENANT_FEED_LIMIT = 1000;
/** Far more jobs than change while reminders of them may still come. */
const REMEMBERED_JOBS = 10_000;
/** How long a finished job is followed for the sake of the copy that is being made of its result. */
const ARCHIVE_GRACE_MS = 1000;
/** A failed attempt to make the copy is no change of the job, and so no news: those who wait for it look. */
const ARCHIVE_LOOK_MS = 1000;
const TENANT_READS = 4;

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

/** Every change of a tenant's jobs from now on. Ends only when the follower leaves. */
export async function followTenant(
  { store, bus }: Sources,
  tenant: string,
  inTurn?: InTurn,
): Promise<AsyncIterableIterator<Job>> {
  const leave: (() => void)[] = [];
  const end = (): void => {
    for (const step of leave.splice(0)) step();
  };
  const feed = new Feed<Job>(TENANT_FEED_LIMIT, end, inTurn);
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
  const reading = new Reading({
    read: (id) => store.get(id),
    take: offer,
    fail: (reason) => feed.fail(reason),
    parallel: TENANT_READS,
  });
  leave.push(() => reading.stop());
  // Until it is known, reminders are of before: whatever is after it will be reminded of again.
  let from = Number.POSITIVE_INFINITY;
  const hear = ({ id, version, job, isReminder, change = 0 }: JobSignal): void => {
    if (job === null) {
      if (version > (newest.get(id) ?? 0)) reading.want(id);
    } else if (!isReminder || change > from) offer(job);
  };
  leave.push(await bus.followTenant(tenant, hear));
  try {
    from = await store.lastChange();
  } catch (error) {
    await feed.return();
    throw error;
  }
  return feed;
}
