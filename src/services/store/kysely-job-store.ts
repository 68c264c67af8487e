/**
 * The job store over SQL, the same for every database. Each method is one query or one transaction; these are in the
 * neighbouring files, by subject. A `Database` provides what differs between databases.
 */
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import type { AccountHold } from '../jobs/account-hold.js';
import type { Change, Job, JobStatus, JobUpdate } from '../jobs/job.js';
import type { JobRequest } from '../jobs/job-request.js';
import type {
  ChangePlace,
  ChangesRead,
  ClockMove,
  ClockReading,
  Created,
  HeldCount,
  HoldChange,
  JobFilter,
  JobStore,
  LeaseOptions,
  NewJob,
  Page,
  PageRequest,
  SlotUsage,
} from '../jobs/job-store.js';
import type { UploadStore } from '../uploads/upload-store.js';
import {
  changesDue,
  countChanges,
  forgetChanges,
  hasChange,
  lastChange,
  readChanges,
} from './change-rows.js';
import { readClock } from './clock-rows.js';
import type { Database } from './database.js';
import {
  beingSentSince,
  claimDue,
  finishedBefore,
  moveDue,
  pastDeadline,
  resultsExpiring,
} from './due-rows.js';
import { changeHold, countHeld, findHold } from './hold-rows.js';
import { forgetKeys, isAnyKeyDue, letKeysExpire } from './idempotency-rows.js';
import { beat, forgetInstance } from './instance-rows.js';
import { listJobs } from './job-pages.js';
import {
  deleteJobs,
  findJob,
  historiesOf,
  metadataOf,
  requestsOf,
  versionsOf,
  writeChange,
} from './job-rows.js';
import { KyselyUploadStore } from './kysely-upload-store.js';
import { migrate } from './migrate.js';
import {
  countSlots,
  countWaiting,
  enqueue,
  firstInQueue,
  leaseJobs,
  positionsOf,
  waitingJobs,
} from './queue-rows.js';
import { RecentJobs } from './recent-jobs.js';
import { RecentRequests } from './recent-requests.js';
import { findOrMakeSecret } from './secret-rows.js';
import type { Tables } from './tables.js';
import { type WatchedDatabase, watchingWrites } from './watched-writes.js';

/** @returns the jobs, and the uploads in the same database, which the job store opens and closes */
export function createKyselyJobStore(
  open: () => Promise<Database>,
  log?: Logger,
): JobStore & { readonly uploads: UploadStore } {
  return new KyselyJobStore(open, log);
}

class KyselyJobStore implements JobStore {
  readonly uploads: UploadStore = new KyselyUploadStore(() => this.#opened);
  readonly #open: () => Promise<Database>;
  readonly #log: Logger | undefined;
  #database: WatchedDatabase | null = null;
  /** Null if other processes may write too. */
  #recent: RecentJobs | null = null;
  #recentRequests: RecentRequests | null = null;
  #stopping: Promise<void> | null = null;

  constructor(open: () => Promise<Database>, log?: Logger) {
    this.#open = open;
    this.#log = log;
  }

  async start(): Promise<void> {
    if (this.#database !== null) return;
    await this.#stopping;
    const database = watchingWrites(await this.#open());
    this.#database = database;
    this.#recent = database.exclusive ? new RecentJobs() : null;
    this.#recentRequests = database.exclusive ? new RecentRequests() : null;
    try {
      await migrate(database, this.#log);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#database !== null) this.#stopping = this.#database.close();
    this.#database = null;
    this.#recent = null;
    this.#recentRequests = null;
    await this.#stopping;
  }

  get exclusive(): boolean {
    return this.#opened.exclusive;
  }

  async ping(): Promise<void> {
    await this.#opened.ping();
  }

  async secret(name: string): Promise<Uint8Array> {
    return this.#opened.write((trx) => findOrMakeSecret(trx, name));
  }

  async create(job: NewJob, queueLimit: number, acceptWhileBlocked = false): Promise<Created> {
    const created = await enqueue(this.#opened, job, queueLimit, acceptWhileBlocked);
    if (created.kind === 'created') {
      this.#recent?.stored([created.job]);
      this.#recentRequests?.created(created.job.id, job.request);
    }
    return created;
  }

  async get(id: string): Promise<Job | null> {
    return this.#recent?.get(id) ?? this.#read(findJob(this.#db, 'id', id));
  }

  async waitingJobs(ids: readonly string[]): Promise<readonly Job[]> {
    return waitingJobs(this.#db, ids);
  }

  async requests(ids: readonly string[]): Promise<ReadonlyMap<string, JobRequest>> {
    const read = (some: readonly string[]) => requestsOf(this.#db, some);
    const found = await (this.#recentRequests?.read(ids, read) ?? read(ids));
    return new Map([...found].map(([id, { request }]) => [id, request]));
  }

  keptRequest(id: string): JobRequest | null {
    return this.#recentRequests?.get(id)?.request ?? null;
  }

  async metadata(ids: readonly string[]): Promise<ReadonlyMap<string, object>> {
    return metadataOf(this.#db, ids);
  }

  async versions(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return versionsOf(this.#db, ids);
  }

  async getByCallbackToken(token: string): Promise<Job | null> {
    const kept = this.#recent?.getByCallbackToken(token);
    return kept ?? this.#read(findJob(this.#db, 'callback_token', token));
  }

  async save(change: Change): Promise<boolean> {
    const isSaved = (await this.#opened.write((trx) => writeChange(trx, change))) !== null;
    if (change.request !== null) this.#recentRequests?.forget([change.job.id]);
    if (isSaved) this.#recent?.changed(change);
    // Another change came first, so the next read must come from the database.
    else this.#recent?.forget([change.job.id]);
    return isSaved;
  }

  async histories(ids: readonly string[]): Promise<ReadonlyMap<string, readonly JobUpdate[]>> {
    return historiesOf(this.#db, ids);
  }

  async list(tenant: string, filter: JobFilter, page: PageRequest): Promise<Page> {
    return listJobs(this.#db, this.#recent, tenant, filter, page);
  }

  async lastChange(): Promise<ChangePlace> {
    return lastChange(this.#db);
  }

  async hasChange(place: ChangePlace): Promise<boolean> {
    return hasChange(this.#db, place);
  }

  async countChanges(tenant: string, after: number, limit: number): Promise<number> {
    return countChanges(this.#db, { tenant, after, limit });
  }

  async readChanges(tenant: string, after: number, limit: number, jobs = limit): Promise<ChangesRead> {
    return readChanges(this.#db, { tenant, after, limit, jobs });
  }

  async forgetChanges(now: number): Promise<void> {
    const below = await changesDue(this.#db, now);
    if (below !== null) await this.#opened.write((trx) => forgetChanges(trx, below));
  }

  async lease(
    limit: number,
    now: number,
    decide: (job: Job, storeNow: number) => Change | null,
    options?: LeaseOptions,
  ): Promise<readonly Job[]> {
    const leased = await leaseJobs(this.#opened, limit, now, decide, options);
    this.#recent?.stored(leased);
    return leased;
  }

  async accountHold(): Promise<AccountHold | null> {
    return findHold(this.#db);
  }

  async changeAccountHold<After extends AccountHold | null>(
    change: (before: AccountHold | null) => After,
  ): Promise<HoldChange<After>> {
    const { before, after, marked } = await changeHold(this.#opened, change);
    this.#recent?.forget(marked);
    return { before, after };
  }

  async countHeld(hold: AccountHold, now: number): Promise<HeldCount> {
    return countHeld(this.#db, hold, now);
  }

  async firstInQueue(
    tenants: readonly string[],
    limit: number,
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
    return firstInQueue(this.#db, tenants, limit);
  }

  async queuePositions(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return positionsOf(this.#db, ids);
  }

  async slots(now: number): Promise<SlotUsage> {
    return { used: await countSlots(this.#db, now), waiting: await countWaiting(this.#db) };
  }

  async pastDeadline(statuses: readonly JobStatus[], now: number, limit: number): Promise<readonly Job[]> {
    return pastDeadline(this.#db, statuses, now, limit);
  }

  async abandoned(before: number, limit: number): Promise<readonly Job[]> {
    return beingSentSince(this.#db, before, limit);
  }

  async claimPolls(now: number, next: (job: Job) => number | null, limit: number): Promise<readonly Job[]> {
    return this.#claimed(await claimDue(this.#opened, 'poll_at', now, next, limit));
  }

  async reschedulePolls(
    polls: readonly { readonly id: string; readonly pollAt: number | null }[],
  ): Promise<void> {
    if (polls.length === 0) return;
    await this.#opened.write(async (trx) => {
      for (const { id, pollAt } of polls) await moveDue(trx, 'poll_at', id, { poll_at: pollAt });
    });
    this.#recent?.forget(polls.map(({ id }) => id));
  }

  async claimArchives(now: number, until: number, limit: number): Promise<readonly Job[]> {
    return this.#claimed(await claimDue(this.#opened, 'archive_at', now, until, limit));
  }

  async rescheduleArchive(
    id: string,
    { at, attempts }: { readonly at: number | null; readonly attempts: number },
  ): Promise<boolean> {
    const changes = { archive_at: at, archive_attempts: attempts };
    const isDue = await this.#opened.write((trx) => moveDue(trx, 'archive_at', id, changes));
    this.#recent?.forget([id]);
    return isDue;
  }

  async expiringResults(after: number, before: number): Promise<{ count: number; ids: readonly string[] }> {
    return resultsExpiring(this.#db, after, before);
  }

  async finishedBefore(before: number, limit: number): Promise<readonly Job[]> {
    return finishedBefore(this.#db, before, limit);
  }

  async claimErasures(now: number, until: number, limit: number): Promise<readonly Job[]> {
    return this.#claimed(await claimDue(this.#opened, 'erase_at', now, until, limit));
  }

  async rescheduleErasure(id: string, at: number): Promise<void> {
    await this.#opened.write((trx) => moveDue(trx, 'erase_at', id, { erase_at: at }));
    this.#recent?.forget([id]);
  }

  async erase(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#opened.write(async (trx) => {
      await letKeysExpire(trx, ids);
      await deleteJobs(trx, ids);
    });
    this.#recent?.forget(ids);
    this.#recentRequests?.forget(ids);
  }

  async forgetIdempotencyKeys(now: number): Promise<void> {
    if (await isAnyKeyDue(this.#db, now)) await this.#opened.write((trx) => forgetKeys(trx, now));
  }

  async heartbeat(instance: string, now: number, ttlMs: number): Promise<number> {
    return this.#opened.write((trx) => beat(trx, instance, now, ttlMs));
  }

  async sayGoodbye(instance: string): Promise<void> {
    await this.#opened.write((trx) => forgetInstance(trx, instance));
  }

  async readClock(decide: (reading: ClockReading) => ClockMove): Promise<void> {
    const { due, strayPolls } = await readClock(this.#opened, decide);
    if (due !== 0 || strayPolls !== 0) this.#recent?.forgetAll();
  }

  #read(find: Promise<Job | null>): Promise<Job | null> {
    return this.#recent?.read(find) ?? find;
  }

  #claimed(jobs: readonly Job[]): readonly Job[] {
    this.#recent?.forget(jobs.map(({ id }) => id));
    return jobs;
  }

  get #opened(): WatchedDatabase {
    if (this.#database === null) throw new Error('The job store is not started, or was stopped.');
    return this.#database;
  }

  get #db(): Kysely<Tables> {
    return this.#opened.db;
  }
}
