/**
 * Following jobs: joined to the bus first, then the present state, then only what is newer. In this order
 * nothing can fall between, whatever the bus doubles or reorders; what it loses, `CatchUp` makes good.
 */
import { jobNotFound } from '../../errors.js';
import type { JobBus, JobSignal } from '../bus/job-bus.js';
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
  { store, bus }: Sources,
  tenant: string,
  id: string,
  afterVersion: number,
): Promise<AsyncIterableIterator<Job>> {
  let newest = afterVersion;
  let grace: NodeJS.Timeout | undefined;
  let reading = false;
  let readAgain = false;
  // Until the present state is known, newer ones wait here: they must not overtake it.
  let early: JobSignal[] | null = [];
  const leave: (() => void)[] = [() => clearTimeout(grace)];
  const feed = new Feed<Job>(FEED_LIMIT, () => {
    for (const step of leave.splice(0)) step();
  });

  const offer = (job: Job): void => {
    if (feed.ended) return;
    if (job.version > newest) {
      newest = job.version;
      feed.push(job);
    }
    if (isSettled(job)) feed.complete();
    else if (isFinal(job.status)) grace ??= setTimeout(() => feed.complete(), ARCHIVE_GRACE_MS);
  };
  // Signals without a state are answered by reading: one read at a time, and one more after it.
  const read = async (): Promise<void> => {
    readAgain = reading;
    if (reading) return;
    reading = true;
    try {
      do {
        readAgain = false;
        const job = await store.get(id);
        if (job === null || job.eraseAt !== null) feed.complete();
        else offer(job);
      } while (readAgain);
    } catch (error) {
      feed.fail(error);
    } finally {
      reading = false;
    }
  };
  const hear = (signal: JobSignal): void => {
    if (early !== null) early.push(signal);
    else if (signal.job !== null) offer(signal.job);
    else if (signal.version > newest) void read();
  };

  leave.push(await bus.followJob(id, hear));
  try {
    const job = await store.get(id);
    if (job === null || job.tenant !== tenant || job.eraseAt !== null) throw jobNotFound();
    const waited = early;
    early = null;
    offer(job);
    waited.forEach(hear);
  } catch (error) {
    await feed.return();
    throw error;
  }
  return feed;
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
    if (job === null || job.eraseAt !== null || job.version <= (newest.get(job.id) ?? 0)) return;
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
