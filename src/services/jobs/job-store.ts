/**
 * Where jobs are kept: the single source of truth. Everything else (bus, memory) may be lost.
 *
 * Guarantees of every implementation:
 * - What a resolved promise reports is durable: it survives SIGKILL and a power cut right afterwards.
 * - `save` is a compare-and-set on `version`: of two changes made from the same version one wins, and the
 *   other is told so by `false`; a job's versions and its history have no gaps.
 * - `create` is atomic with the idempotency key and the queue's bound, however many call at once.
 * - `lease` never lets more jobs hold a slot than `limit`, over all instances that share the store, and
 *   never gives one job to two callers.
 * - Reads see every change that was reported durable before they began.
 */
import type { AccountHold } from './account-hold.js';
import type { Change, Job, JobStatus, JobUpdate } from './job.js';
import type { JobRequest } from './job-request.js';

export interface NewJob {
  readonly id: string;
  readonly tenant: string;
  readonly request: JobRequest;
  readonly callbackToken: string;
  readonly at: number;
  readonly deadlineAt: number;
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
}

export type Created =
  | { readonly kind: 'created'; readonly job: Job }
  /** The key was used before with the same input; `job` is as it is now, null when it was deleted since. */
  | { readonly kind: 'duplicate'; readonly job: Job | null }
  /** The key was used before with another input. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'queue-full' }
  /** Nothing is sent for the account's sake, and new jobs are not wanted meanwhile. */
  | { readonly kind: 'blocked'; readonly hold: AccountHold };

/** Which jobs one is taken from to see whether a hold has passed. */
export type Trial = 'fitting' | 'too-dear' | 'any';

export interface HoldChange<After> {
  readonly before: AccountHold | null;
  readonly after: After;
}

/** Jobs that wait. */
export interface HeldCount {
  readonly all: number;
  readonly tooDear: number;
}

export interface JobFilter {
  readonly status?: readonly JobStatus[];
  /** Milliseconds since 1970, exclusive. */
  readonly createdAfter?: number;
  readonly createdBefore?: number;
}

/** A place in the list of a tenant's jobs. */
export interface JobPlace {
  readonly createdAt: number;
  readonly sequence: number;
}

/** A page, newest job first. `after` and `before` are exclusive. */
export interface PageRequest {
  readonly limit: number;
  readonly direction: 'forward' | 'backward';
  readonly after?: JobPlace;
  readonly before?: JobPlace;
}

export interface Page {
  readonly jobs: readonly Job[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export interface ChangedJob {
  /** Of its last change. */
  readonly number: number;
  readonly id: string;
  /** As it is now; null when it was deleted. */
  readonly job: Job | null;
}

export interface SlotUsage {
  /** Jobs that are, or may be, at the provider. */
  readonly used: number;
  readonly waiting: number;
}

/** What was read from the clock that all who share the store go by. */
export interface ClockReading {
  /** Whole milliseconds since 1970. */
  readonly at: number;
  /** Between which times of this process's monotonic clock it was so. */
  readonly earliest: number;
  readonly latest: number;
  /** What it said when it was read before, by whomever; 0: never. */
  readonly lastAt: number;
}

/** By how many milliseconds stored times are moved after a reading; 0: not at all. */
export interface ClockMove {
  /** All that is due: what happens at it, not what tells when something was (createdAt, finishedAt, history). */
  readonly due: number;
  /**
   * Polls of open jobs that are further ahead than this, which is below 0: they were under way when the clock was set
   * back, and were stored by the clock as it had been.
   */
  readonly strayPolls: number;
  /** Whether the reading is noted, for others to compare theirs with. */
  readonly isNoted: boolean;
}

export interface LeaseOptions {
  /**
   * Until then the outcome is waited for, however long the store is away: a lease of which nobody knows is a job
   * that nobody sends.
   */
  readonly until?: AbortSignal;
  /** Gives out one job, out of turn, to see whether the hold has passed; none where there is no hold. */
  readonly trial?: Trial | null;
}

export interface JobStore {
  /** Opens the database and brings its tables up to date. Throws when another process holds it. */
  start(): Promise<void>;
  /** Lets writes in flight end, then closes. Safe to call twice. */
  stop(): Promise<void>;
  /** Whether this process is the only one that has the store; known once it is started. */
  readonly exclusive: boolean;
  /** Rejects when the store can't answer; for the readiness probe. */
  ping(): Promise<void>;

  /** The secret of this name: 32 random bytes, made when first asked for and the same for all ever after. */
  secret(name: string): Promise<Uint8Array>;

  /**
   * @param queueLimit how many jobs may wait
   * @param acceptWhileBlocked take it although a hold blocks dispatch
   */
  create(job: NewJob, queueLimit: number, acceptWhileBlocked?: boolean): Promise<Created>;
  get(id: string): Promise<Job | null>;
  /** The requests of those of `ids` that exist. */
  requests(ids: readonly string[]): Promise<ReadonlyMap<string, JobRequest>>;
  /** The request, where the store has it in memory. Null: it has to be read. */
  keptRequest(id: string): JobRequest | null;
  /** The versions of those of `ids` that exist. */
  versions(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  getByCallbackToken(token: string): Promise<Job | null>;
  save(change: Change): Promise<boolean>;
  history(id: string): Promise<readonly JobUpdate[]>;
  list(tenant: string, filter: JobFilter, page: PageRequest): Promise<Page>;

  /**
   * Gives out as many waiting jobs as slots are free, in the queue's order, each changed by `decide` and
   * stored. The order is start-time fair queueing over tenants: a job's `turn` is one after the last of its
   * tenant's, but never before the turn being served, so tenants take turns and each tenant's own jobs stay
   * oldest first. Jobs whose time to wait is over are left where they are, and those that are too dear; all of them
   * while a hold blocks dispatch. `decide` is told the time by the store's clock.
   */
  lease(
    limit: number,
    now: number,
    decide: (job: Job, storeNow: number) => Change | null,
    options?: LeaseOptions,
  ): Promise<readonly Job[]>;
  /** What Akool holds against the account, as all instances know it. */
  accountHold(): Promise<AccountHold | null>;
  /** One change at a time; `change` may be called again when the first time came to nothing. */
  changeAccountHold<After extends AccountHold | null>(
    change: (before: AccountHold | null) => After,
  ): Promise<HoldChange<After>>;
  countHeld(hold: AccountHold, now: number): Promise<HeldCount>;
  /** The positions of those of `ids` that wait; 1 is the next to be sent. */
  queuePositions(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  slots(now: number): Promise<SlotUsage>;

  /** Jobs in `statuses` whose deadline has passed. */
  pastDeadline(statuses: readonly JobStatus[], now: number, limit: number): Promise<readonly Job[]>;
  /**
   * Jobs whose `pollAt` has come, longest overdue first, each given to one caller only: it is
   * not due again before `next`; null: not at all.
   */
  claimPolls(now: number, next: (job: Job) => number | null, limit: number): Promise<readonly Job[]>;
  /** Moves `pollAt`, null for never; not a change of the job: no version, no history. */
  reschedulePolls(polls: readonly { readonly id: string; readonly pollAt: number | null }[]): Promise<void>;
  /** Jobs that are SUBMITTING since before `before`: their dispatcher is gone. */
  abandoned(before: number, limit: number): Promise<readonly Job[]>;

  /**
   * Jobs whose result is to be fetched now, each given to one caller only: it is not due again before
   * `until`.
   */
  claimArchives(now: number, until: number, limit: number): Promise<readonly Job[]>;
  /** Notes a failed attempt; not a change of the job: no version, no history. `at` null gives up. */
  rescheduleArchive(
    id: string,
    next: { readonly at: number | null; readonly attempts: number },
  ): Promise<void>;
  /** Results that nobody has kept and that the provider deletes after `after`, before `before`. */
  expiringResults(
    after: number,
    before: number,
  ): Promise<{ readonly count: number; readonly ids: readonly string[] }>;

  /** Jobs that finished before `before` and were not deleted. */
  finishedBefore(before: number, limit: number): Promise<readonly Job[]>;
  /** Deleted jobs of which something is left, each given to one caller only, as with `claimArchives`. */
  claimErasures(now: number, until: number, limit: number): Promise<readonly Job[]>;
  rescheduleErasure(id: string, at: number): Promise<void>;
  /**
   * Removes the records and their history. An idempotency key stays until it is 24 hours old, so that a late
   * retry does not become a second job.
   */
  erase(ids: readonly string[]): Promise<void>;
  /** Removes the idempotency keys of erased jobs that have stayed long enough. */
  forgetIdempotencyKeys(now: number): Promise<void>;

  /**
   * Says that this instance is alive.
   *
   * @returns how many others said so within `ttlMs`
   */
  heartbeat(instance: string, now: number, ttlMs: number): Promise<number>;
  sayGoodbye(instance: string): Promise<void>;

  /**
   * Reads the clock that all who share the store go by. One reading at a time. `decide` may be called
   * again when the first time came to nothing.
   */
  readClock(decide: (reading: ClockReading) => ClockMove): Promise<void>;

  /**
   * The number of the last change of any job; 0 before the first. A change that is stored later has a higher one,
   * whichever instance makes it, and is not seen before those below it.
   */
  lastChange(): Promise<number>;
  /** A tenant's jobs that changed after that number, at most a day ago, earliest last change first. */
  changedSince(tenant: string, after: number, limit: number): Promise<readonly ChangedJob[]>;
  /** Forgets changes of more than a day ago. */
  forgetChanges(now: number): Promise<void>;
}
