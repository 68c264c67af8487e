/**
 * The storage of jobs, and the single source of truth. Everything else (bus, memory) may be lost.
 *
 * Guarantees of every implementation:
 * - What a resolved promise reports is durable: it survives SIGKILL and a power cut right afterwards.
 * - `save` is a compare-and-set on `version`: of two changes to the same version, one succeeds, and `save` returns
 *   false for the other. A job's versions and its history have no gaps.
 * - `create` checks the idempotency key, the uploads and the queue limit atomically, however many calls run at once.
 * - `lease` never lets more than `limit` jobs hold a slot, over all instances that share the store, and never gives a
 *   job to two callers.
 * - Reads see every change that was reported durable before they began.
 */
import type { AccountHold } from './account-hold.js';
import type { Change, Job, JobStatus, JobUpdate } from './job.js';
import type { JobRequest } from './job-request.js';
import type { Labels } from './labels.js';

export interface NewJob {
  readonly id: string;
  readonly tenant: string;
  readonly request: JobRequest;
  readonly labels: Labels;
  readonly callbackToken: string;
  readonly at: number;
  readonly deadlineAt: number;
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
  /** Null if it names none. */
  readonly uploads: NamedUploads | null;
}

/** The uploads that a job needs. */
export interface NamedUploads {
  /** The names under which they are served, each once. */
  readonly names: readonly string[];
  /** When they expire, if the job ends at once. */
  readonly expiresAt: number;
}

export type Created =
  | { readonly kind: 'created'; readonly job: Job }
  /** The key was used before with the same input; `job` is its current state, null if it was deleted since. */
  | { readonly kind: 'duplicate'; readonly job: Job | null }
  /** The key was used before with another input. */
  | { readonly kind: 'conflict' }
  /** Of the uploads that it names, these are not ready, or unknown to its tenant; the others are as they were. */
  | {
      readonly kind: 'uploads-unusable';
      readonly notReady: readonly string[];
      readonly unknown: readonly string[];
    }
  | { readonly kind: 'queue-full' }
  /** An account hold blocks dispatch, and new jobs are not accepted meanwhile. */
  | { readonly kind: 'blocked'; readonly hold: AccountHold };

/** The jobs from which one is chosen to test whether a hold has passed. */
export type Trial = 'fitting' | 'too-dear' | 'any';

export interface HoldChange<After> {
  readonly before: AccountHold | null;
  readonly after: After;
}

/** Numbers of waiting jobs. */
export interface HeldCount {
  readonly all: number;
  readonly tooDear: number;
}

export interface JobFilter {
  readonly status?: readonly JobStatus[];
  /** Milliseconds since 1970, exclusive. */
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  /** Exactly this; matches no job if none can have it. */
  readonly reference?: string;
}

/** A place in the list of a tenant's jobs. */
export interface JobPlace {
  readonly createdAt: number;
  readonly sequence: number;
}

/** Jobs on a page. */
export const MAX_PAGE_SIZE = 100;

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

/** One of the numbered changes of all jobs. */
export interface ChangePlace {
  readonly number: number;
  /** When it was stored, in milliseconds since 1970, which tells it from one that a restored backup numbered alike. */
  readonly at: number;
}

/** Before the first change. */
export const FIRST_PLACE: ChangePlace = { number: 0, at: 0 };

export interface ChangedJob {
  /** Its last change among those that were read. */
  readonly place: ChangePlace;
  readonly id: string;
  /** The current state, which may be newer than that change; null if it was deleted. */
  readonly job: Job | null;
}

export interface ChangesRead {
  /** Each job once, in the order of their last changes. */
  readonly changed: readonly ChangedJob[];
  /** Whether there may be more. */
  readonly isFull: boolean;
}

export interface SlotUsage {
  /** Jobs that are, or may be, at the provider. */
  readonly used: number;
  readonly waiting: number;
}

/** A reading of the clock that all users of the store share. */
export interface ClockReading {
  /** Whole milliseconds since 1970. */
  readonly at: number;
  /** The clock was read between these two times of this process's monotonic clock. */
  readonly earliest: number;
  readonly latest: number;
  /** The previous reading, by any instance; 0: none. */
  readonly lastAt: number;
}

/** How stored times are moved after a reading, in milliseconds; 0: not at all. */
export interface ClockMove {
  /** For due times, when something will happen; not for times of past events (createdAt, finishedAt, history). */
  readonly due: number;
  /**
   * For polls of open jobs that are further ahead than its absolute value (it is negative): they were in progress when
   * the clock was set back, and were stored with the old time.
   */
  readonly strayPolls: number;
  /** Whether to store the reading, so that others can compare theirs with it. */
  readonly isNoted: boolean;
}

export interface LeaseOptions {
  /**
   * Wait for the outcome until this aborts, however long the store is unavailable: if it stayed unknown, the leased
   * jobs would never be sent.
   */
  readonly until?: AbortSignal;
  /** Lease one job, out of turn, to test whether the hold has passed; none if there is no hold. */
  readonly trial?: Trial | null;
}

export interface JobStore {
  /** Opens the database and brings its tables up to date. Throws if another process holds it. */
  start(): Promise<void>;
  /** Waits for writes in flight, then closes. Safe to call twice. */
  stop(): Promise<void>;
  /** Whether no other process can use the store; known once it has started. */
  readonly exclusive: boolean;
  /** Rejects if the store can't answer; for the readiness probe. */
  ping(): Promise<void>;

  /** Returns the secret of this name: 32 random bytes, created on first use, then always the same for all instances. */
  secret(name: string): Promise<Uint8Array>;

  /**
   * @param queueLimit how many jobs may wait before only the reserve for tenants with few jobs is left
   * @param acceptWhileBlocked accept the job even if a hold blocks dispatch
   */
  create(job: NewJob, queueLimit: number, acceptWhileBlocked?: boolean): Promise<Created>;
  get(id: string): Promise<Job | null>;
  /** Returns the jobs in `ids` that wait, as they are stored. */
  waitingJobs(ids: readonly string[]): Promise<readonly Job[]>;
  /** Returns the requests of the jobs in `ids` that exist. */
  requests(ids: readonly string[]): Promise<ReadonlyMap<string, JobRequest>>;
  /** Returns the request if it is in memory; null if it has to be read. */
  keptRequest(id: string): JobRequest | null;
  /** Returns the metadata of the jobs in `ids` that have any. */
  metadata(ids: readonly string[]): Promise<ReadonlyMap<string, object>>;
  /** Returns the versions of the jobs in `ids` that exist. */
  versions(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  getByCallbackToken(token: string): Promise<Job | null>;
  save(change: Change): Promise<boolean>;
  histories(ids: readonly string[]): Promise<ReadonlyMap<string, readonly JobUpdate[]>>;
  list(tenant: string, filter: JobFilter, page: PageRequest): Promise<Page>;

  /**
   * Leases as many waiting jobs as there are free slots, in the queue's order, and stores the change that `decide`
   * makes to each. The order is start-time fair queueing over tenants: a job's `turn` is one after its tenant's last,
   * but never before the turn being served, so tenants take turns and each tenant's own jobs stay oldest first. Skips
   * jobs that have waited too long, may not be retried yet, or are too expensive, and all jobs while a hold blocks dispatch. `decide` gets the
   * time of the store's clock.
   */
  lease(
    limit: number,
    now: number,
    decide: (job: Job, storeNow: number) => Change | null,
    options?: LeaseOptions,
  ): Promise<readonly Job[]>;
  /** Returns the account hold, which all instances share. */
  accountHold(): Promise<AccountHold | null>;
  /** Makes one change at a time. `change` may be called again if the first attempt failed. */
  changeAccountHold<After extends AccountHold | null>(
    change: (before: AccountHold | null) => After,
  ): Promise<HoldChange<After>>;
  countHeld(hold: AccountHold, now: number): Promise<HeldCount>;
  /** Returns the positions of each tenant's first `limit` waiting jobs, by job id, first in the queue first. */
  firstInQueue(
    tenants: readonly string[],
    limit: number,
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>>;
  /** Returns the positions of the waiting jobs in `ids`; 1 is the next to be sent. */
  queuePositions(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  slots(now: number): Promise<SlotUsage>;

  /** Returns jobs in `statuses` whose deadline has passed. */
  pastDeadline(statuses: readonly JobStatus[], now: number, limit: number): Promise<readonly Job[]>;
  /**
   * Claims jobs whose `pollAt` has passed, longest overdue first, each for one caller only: it is not due again before
   * `next`; null: never.
   */
  claimPolls(now: number, next: (job: Job) => number | null, limit: number): Promise<readonly Job[]>;
  /** Sets `pollAt`; null: never. This is no change of the job: no version, no history. */
  reschedulePolls(polls: readonly { readonly id: string; readonly pollAt: number | null }[]): Promise<void>;
  /** Returns jobs that have been SUBMITTING since before `before`: their dispatcher is gone. */
  abandoned(before: number, limit: number): Promise<readonly Job[]>;

  /** Claims jobs whose result is due to be fetched, each for one caller only: it is not due again before `until`. */
  claimArchives(now: number, until: number, limit: number): Promise<readonly Job[]>;
  /**
   * Sets when the result is due to be fetched again: after a failed attempt, to renew a claim, or to give one up; null:
   * never. This is no change of the job: no version, no history. Returns false, and changes nothing, if it is no longer due.
   */
  rescheduleArchive(
    id: string,
    next: { readonly at: number | null; readonly attempts: number },
  ): Promise<boolean>;
  /** Finds results without our own copy that the provider deletes after `after`, before `before`. */
  expiringResults(
    after: number,
    before: number,
  ): Promise<{ readonly count: number; readonly ids: readonly string[] }>;

  /** Returns jobs that finished before `before` and were not deleted. */
  finishedBefore(before: number, limit: number): Promise<readonly Job[]>;
  /** Claims deleted jobs that are not fully erased, each for one caller only, as `claimArchives` does. */
  claimErasures(now: number, until: number, limit: number): Promise<readonly Job[]>;
  rescheduleErasure(id: string, at: number): Promise<void>;
  /**
   * Removes the records and their history. An idempotency key stays until it is 24 hours old, so that a late retry does
   * not create a second job.
   */
  erase(ids: readonly string[]): Promise<void>;
  /** Removes the idempotency keys of erased jobs once they are old enough. */
  forgetIdempotencyKeys(now: number): Promise<void>;

  /**
   * Records that this instance is alive.
   *
   * @returns how many other instances did so within `ttlMs`
   */
  heartbeat(instance: string, now: number, ttlMs: number): Promise<number>;
  sayGoodbye(instance: string): Promise<void>;

  /**
   * Reads the clock that all users of the store share, one reading at a time. `decide` may be called again if the first
   * attempt failed.
   */
  readClock(decide: (reading: ClockReading) => ClockMove): Promise<void>;

  /**
   * Returns the place of the last change of any job. A change that is stored later has a higher number, whichever
   * instance makes it, and never becomes visible before a lower one.
   */
  lastChange(): Promise<ChangePlace>;
  /** Whether this change, and so each later one, is still on record, as it was when the place was read. */
  hasChange(place: ChangePlace): Promise<boolean>;
  /** Counts a tenant's changes after that number, up to `limit`. */
  countChanges(tenant: string, after: number, limit: number): Promise<number>;
  /**
   * Reads a tenant's next changes after that number, at most `limit` of them. Of the jobs that they changed, it returns
   * the first `jobs`; default: all.
   */
  readChanges(tenant: string, after: number, limit: number, jobs?: number): Promise<ChangesRead>;
  /** Removes changes older than a day. */
  forgetChanges(now: number): Promise<void>;
}
