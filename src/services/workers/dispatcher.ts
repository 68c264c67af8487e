/**
 * Sends waiting jobs to Akool, each at most once unless an attempt was definitely not accepted.
 *
 * Wakes when a job is waiting or a slot becomes free, and checks every second, because another instance or
 * the passing of time may also free a slot.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { AkoolClient } from '../akool/akool-client.js';
import type { DetectionCache } from '../faces/detection-cache.js';
import type { Job } from '../jobs/job.js';
import type { JobService } from '../jobs/job-service.js';
import type { Trial } from '../jobs/job-store.js';
import type { AccountHolds } from './account-holds.js';
import { DispatchPause } from './dispatch-pause.js';
import { OutcomeRecorder, type OutcomeSettings } from './outcome-recorder.js';
import { type Outcome, Sender } from './sender.js';

export interface DispatcherSettings extends OutcomeSettings {
  /** The maximum number of jobs at the provider at once. */
  readonly maxConcurrency: number;
  /** From sending, in milliseconds. */
  readonly jobDeadlineMs: number;
  /** How long the store may take to lease a job. Later, others could take the job over before it is sent. */
  readonly leaseGraceMs: number;
  /** How long stopping waits for calls in flight, in milliseconds. */
  readonly drainMs: number;
  /** Returns the job's callback URL; null if Akool can't reach us. */
  callbackUrl(job: Job): string | null;
}

const TICK_MS = 1000;
/** The minimum for `leaseGraceMs`. */
const LEASE_MS = 1000;
/** How long stopping waits for the outcome of a lease in progress. */
const LEASE_PATIENCE_MS = 5000;

export class Dispatcher {
  readonly #jobs: JobService;
  readonly #settings: DispatcherSettings;
  readonly #log: Logger;
  readonly #pause: DispatchPause;
  readonly #recorder: OutcomeRecorder;
  readonly #sender: Sender;
  readonly #loop: PeriodicLoop;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #calls = new AbortController();
  readonly #leases = new AbortController();
  #unsubscribe: (() => void) | null = null;
  /** The latest `tryOne`. Never rejects. */
  #trial: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(parts: {
    readonly jobs: JobService;
    readonly akool: Pick<AkoolClient, 'submitFaceSwap' | 'submitFaceSwapPlus'>;
    readonly faces: DetectionCache;
    readonly holds: Pick<AccountHolds, 'change'>;
    readonly clock: Clock;
    readonly settings: DispatcherSettings;
    readonly log: Logger;
  }) {
    this.#jobs = parts.jobs;
    this.#settings = parts.settings;
    this.#log = parts.log;
    this.#pause = new DispatchPause(parts.clock, parts.log);
    this.#recorder = new OutcomeRecorder({ ...parts, pause: this.#pause, signal: this.#calls.signal });
    this.#sender = new Sender({
      ...parts,
      callbackUrl: (job) => this.#settings.callbackUrl(job),
      save: (job, request) => this.#recorder.prepared(job, request),
      signal: this.#calls.signal,
    });
    this.#loop = new PeriodicLoop(TICK_MS, () => this.#leaseAndSend(), this.#log);
  }

  start(): void {
    this.#unsubscribe ??= this.#jobs.onChange((job) => {
      // A finished job may have freed a slot, and a waiting job needs one.
      if (job.finishedAt !== null || job.status === 'WAITING') this.#loop.wake();
    });
    this.#loop.start();
  }

  /**
   * Accepts no more jobs and waits for the calls in flight. Calls that take longer than `drainMs` are
   * aborted, and their jobs become UNCONFIRMED. May be called twice.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    const patience = setTimeout(() => this.#leases.abort(), LEASE_PATIENCE_MS);
    await Promise.all([this.#loop.stop(), this.#trial]);
    clearTimeout(patience);
    const timer = setTimeout(() => this.#calls.abort(), this.#settings.drainMs);
    await Promise.all(this.#inFlight);
    clearTimeout(timer);
  }

  /**
   * Resolves after a pass over the queue that began after this call, and so has leased everything it could.
   */
  pass(): Promise<void> {
    return this.#loop.pass();
  }

  /** How many jobs are being sent, or their outcomes recorded. */
  get sending(): number {
    return this.#inFlight.size;
  }

  /** Whether dispatch is backing off after a submit that could not be accepted. */
  get isPausing(): boolean {
    return this.#pause.leftMs > 0;
  }

  /** Sends one job despite the account hold. Returns false if there was no job or no slot. */
  async tryOne(trial: Trial): Promise<boolean> {
    if (this.#isStopped || this.isPausing) return false;
    const leased = this.#lease(trial);
    this.#trial = leased.catch(() => {});
    return (await leased) > 0;
  }

  async #leaseAndSend(): Promise<void> {
    const { leftMs } = this.#pause;
    if (leftMs > 0) {
      this.#loop.wakeIn(leftMs);
      return;
    }
    await this.#lease(null);
  }

  /** Resolves with the number of leased jobs. */
  async #lease(trial: Trial | null): Promise<number> {
    const { maxConcurrency, jobDeadlineMs, leaseGraceMs } = this.#settings;
    const begun = performance.now();
    const until = this.#leases.signal;
    const leased = await this.#jobs.lease(maxConcurrency, jobDeadlineMs, { until, trial });
    const isTooLate = performance.now() - begun > Math.max(leaseGraceMs, LEASE_MS);
    for (const job of leased)
      this.#inHand(job, isTooLate ? this.#recorder.giveBack(job) : this.#send(job, trial !== null));
    return leased.length;
  }

  /** Registers work that a stop waits for. */
  #inHand(job: Job, work: Promise<void>): void {
    const settled: Promise<void> = work
      .catch((error: unknown) => {
        // The job stays SUBMITTING until the reconciler takes it over as abandoned and makes it UNCONFIRMED.
        this.#log.error({ err: error, job: job.id }, 'the outcome of a submit could not be recorded');
      })
      .finally(() => this.#inFlight.delete(settled));
    this.#inFlight.add(settled);
  }

  async #send(job: Job, isTrial: boolean): Promise<void> {
    const outcome = await this.#sender.send(job);
    await this.#record(job, outcome, isTrial, 'submit answered');
    if (outcome.kind !== 'unknown') return;
    // Don't wait: a late answer may take minutes, and usually there is none.
    void outcome.late?.then((late) => {
      if (late.kind !== 'unknown')
        this.#inHand(job, this.#record(job, late, isTrial, 'submit answered late'));
    });
  }

  async #record(job: Job, outcome: Outcome, isTrial: boolean, message: string): Promise<void> {
    await this.#recorder.answered(job, outcome, isTrial, message);
    // The hold may be over.
    if (isTrial && outcome.kind !== 'account-refused') this.#loop.wake();
  }
}
