/**
 * Notifies followers of changes of jobs. The store is the source of truth: a bus may lose, duplicate or reorder
 * signals, so the absence of a signal proves nothing.
 *
 * There is one topic per job and one per tenant, so the cost of an event depends only on its own followers.
 */
import type { Job } from './job.js';
import type { ChangedJob } from './job-store.js';

/**
 * `job` is the state at `version` if the bus can carry it; if null, the follower reads the store. A job that is deleted
 * (`eraseAt`) must not be shown to anyone.
 */
export interface JobSignal {
  readonly id: string;
  readonly version: number;
  readonly job: Job | null;
  /** A reminder, not news (see `remindTenant`): its change may predate the listener. */
  readonly isReminder: boolean;
  /** With `remindTenant`: the number of the job's last change. */
  readonly change?: number;
}

/** Called for each signal; must not throw and must not block. */
export type JobListener = (signal: JobSignal) => void;

/** Whether instances can notify each other. While they can't, changes by other instances are seen seconds late. */
export type BusHealth =
  | { readonly isUp: true }
  | { readonly isUp: false /** For the operator. */; readonly reason: string };

export interface JobBus {
  /** @throws the reason why it is not up; it keeps trying to connect until it is stopped */
  start(): Promise<void>;
  /** Safe to call twice. */
  stop(): Promise<void>;
  /** The last known state; does not check it again. */
  health(): BusHealth;
  /** Notifies followers of a new version of `job`, or of its deletion. Call it after the commit. Never throws. */
  publish(job: Job): void;
  /** Resolves when signals can no longer be missed, as far as the bus can guarantee that. */
  followJob(id: string, listener: JobListener): Promise<Unfollow>;
  followTenant(tenant: string, listener: JobListener): Promise<Unfollow>;
  /** Calls `listener` after signals may have been lost (a connection was down), once new ones arrive again. */
  onGap(listener: () => void): Unfollow;
  /** The jobs followed on this instance. */
  followedJobs(): readonly string[];
  /** The tenants with followers of all their jobs on this instance. */
  followedTenants(): readonly string[];
  /** Sends the stored version to the job's followers on this instance only. */
  remindOfJob(id: string, version: number): void;
  /** Sends the last change of a job to its tenant's followers on this instance only. */
  remindTenant(tenant: string, changed: ChangedJob): void;
}

/** Ends following; safe to call twice. */
export type Unfollow = () => void;
