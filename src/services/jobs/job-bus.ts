/**
 * Wakes those who follow jobs. The store is the truth: a bus may lose, double or reorder what it is given,
 * so nobody may conclude anything from its silence.
 *
 * There is one topic for each job and one for each tenant, so an event costs what its own followers cost,
 * however many follow other jobs.
 */
import type { Job } from './job.js';

/** `job` is the state at `version` where the bus could carry it; without it the follower reads the store. */
export interface JobSignal {
  readonly id: string;
  readonly version: number;
  readonly job: Job | null;
  /** Not news but a reminder, see `remindTenant`: it may be of before its hearer came. */
  readonly isReminder: boolean;
  /** Of such a reminder: the number of the job's last change. */
  readonly change?: number;
}

/** Called for each signal; must not throw and must not block. */
export type JobListener = (signal: JobSignal) => void;

/** Whether instances wake each other at present; what happens on the others is seen seconds late while not. */
export type BusHealth =
  | { readonly isUp: true }
  | { readonly isUp: false /** For the operator. */; readonly reason: string };

export interface JobBus {
  /** @throws why it is not up; it goes on trying, and joins when it can, until it is stopped */
  start(): Promise<void>;
  /** Safe to call twice. */
  stop(): Promise<void>;
  /** As it was found last, without asking anybody. */
  health(): BusHealth;
  /** Tells followers that `job` has a new version. Call after the commit. Never throws. */
  publish(job: Job): void;
  /** Resolves when nothing published from now on can be missed (as far as the bus can promise). */
  followJob(id: string, listener: JobListener): Promise<Unfollow>;
  followTenant(tenant: string, listener: JobListener): Promise<Unfollow>;
  /** Called when signals may have been lost (a connection was down), once new ones are heard again. */
  onGap(listener: () => void): Unfollow;
  /** The jobs followed on this instance. */
  followedJobs(): readonly string[];
  /** The tenants all of whose jobs somebody follows on this instance. */
  followedTenants(): readonly string[];
  /** Tells the job's followers on this instance, and nobody else, which version the store has. */
  remindOfJob(id: string, version: number): void;
  /**
   * Tells those who follow the tenant's jobs on this instance, and nobody else, how a job is now.
   *
   * @param change the number of its last change: see `JobStore.lastChange`
   */
  remindTenant(job: Job, change: number): void;
}

/** Ends following; safe to call twice. */
export type Unfollow = () => void;
