/**
 * Sends waiting jobs to Akool, each at most once unless an attempt was definitely not accepted.
 *
 * Wakes when a job is waiting or a slot becomes free, and checks every second, because another instance or
 * the passing of time may also free a slot.
 */
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Backoff } from '../../backoff.js';
import type { Clock } from '../../clock.js';
import { isStoreUnavailable } from '../../errors.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { AkoolClient } from '../akool/akool-client.js';
import type { DetectionCache } from '../faces/detection-cache.js';
import { afterRefusal, afterTrial, creditRefusedAt, retryAfter } from '../jobs/account-hold.js';
import type { Job } from '../jobs/job.js';
import type { JobEvent } from '../jobs/job-event.js';
import type { JobService } from '../jobs/job-service.js';
import type { Trial } from '../jobs/job-store.js';
import type { AccountHolds } from './account-holds.js';
import { type Outcome, Sender } from './sender.js';

export interface DispatcherSettings {
  /** The maximum number of jobs at the provider at once. */
  readonly maxConcurrency: number;
  /** From sending, in milliseconds. */
  readonly jobDeadlineMs: number;
  /** A sent job is polled after this long without news, in milliseconds. */
  readonly pollAfterMs: number;
  /** How long an UNCONFIRMED job holds its slot, in milliseconds. */
  readonly unconfirmedSlotMs: number;
  /** How long a job may wait to be sent, in milliseconds from its creation. */
  readonly queueTtlMs: number;
  /** How long the store may take to lease a job. Later, others could take the job over before it is sent. */
  readonly leaseGraceMs: number;
  /** How long stopping waits for calls in flight, in milliseconds. */
  readonly drainMs: number;
  /** Returns the job's callback URL; null if Akool can't reach us. */
  webhookUrl(job: Job): string | null;
}

const TICK_MS = 1000;
/** How long the store may always take to lease a job. */
const LEASE_MS = 1000;
/** How long stopping waits for the outcome of a lease in progress. */
const LEASE_PATIENCE_MS = 5000;
/** About a minute and a half; unlimited while the database is unavailable. */
const MAX_RECORD_TRIES = 40;
const MAX_LOOK_PAUSE_MS = 60_000;
type AccountRefused = Extract<Outcome, { kind: 'account-refused' }>;

export class Dispatcher {
  readonly #jobs: JobService;
  readonly #holds: Pick<AccountHolds, 'change'>;
  readonly #clock: Clock;
  readonly #settings: DispatcherSettings;
  readonly #log: Logger;
  readonly #backoff = new Backoff({ firstMs: 500, mostMs: 30_000 });
  readonly #sender: Sender;
  readonly #loop: PeriodicLoop;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #calls = new AbortController();
  readonly #leases = new AbortController();
  /** On the steady clock. */
  #pausedUntil = 0;
  #unsubscribe: (() => void) | null = null;
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
    this.#holds = parts.holds;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#log = parts.log;
    this.#sender = new Sender({
      ...parts,
      webhookUrl: (job) => this.#settings.webhookUrl(job),
      save: async (job, request) => {
        const event = { type: 'prepared', at: this.#clock.now(), request } as const;
        return (await this.#applyToTry(job, event)).changed;
      },
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
    const patience = globalThis.setTimeout(() => this.#leases.abort(), LEASE_PATIENCE_MS);
    await this.#loop.stop();
    clearTimeout(patience);
    const timer = globalThis.setTimeout(() => this.#calls.abort(), this.#settings.drainMs);
    await Promise.all(this.#inFlight);
    clearTimeout(timer);
  }

  /**
   * Resolves after a pass over the queue that began after this call, and so has leased everything it could.
   */
  pass(): Promise<void> {
    return this.#loop.pass();
  }

  /** Whether dispatch is backing off after a submit that could not be accepted. */
  get isPausing(): boolean {
    return this.#pausedUntil > this.#clock.steady();
  }

  /** Sends one job despite the account hold. Returns false if there was no job or no slot. */
  async tryOne(trial: Trial): Promise<boolean> {
    if (this.#isStopped || this.isPausing) return false;
    return (await this.#lease(trial)) > 0;
  }

  async #leaseAndSend(): Promise<void> {
    const pause = this.#pausedUntil - this.#clock.steady();
    if (pause > 0) {
      this.#loop.wakeIn(pause);
      return;
    }
    await this.#lease(null);
  }

  /** Resolves with the number of jobs in hand. */
  async #lease(trial: Trial | null): Promise<number> {
    const { maxConcurrency, jobDeadlineMs, leaseGraceMs } = this.#settings;
    const begun = performance.now();
    const until = this.#leases.signal;
    const leased = await this.#jobs.lease(maxConcurrency, jobDeadlineMs, { until, trial });
    const isTooLate = performance.now() - begun > Math.max(leaseGraceMs, LEASE_MS);
    for (const job of leased)
      this.#inHand(job, isTooLate ? this.#giveBack(job) : this.#send(job, trial !== null));
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

  /**
   * Returns a leased job to the queue: the store was unavailable for so long that others may consider this
   * instance dead and the job sent.
   */
  async #giveBack(job: Job): Promise<void> {
    this.#log.warn({ job: job.id }, 'the store was away while a job was leased; it waits again, unsent');
    const deadlineAt = job.createdAt + this.#settings.queueTtlMs;
    const reason = 'not sent: the database was away';
    await this.#keepTrying(job, async () => {
      const at = this.#clock.now();
      await this.#applyToTry(job, { type: 'not-accepted', at, retryAt: null, deadlineAt, reason });
    });
  }

  async #send(job: Job, isTrial: boolean): Promise<void> {
    const outcome = await this.#sender.send(job);
    await this.#note(job, outcome, isTrial, 'submit answered');
    if (outcome.kind !== 'unknown') return;
    // Don't wait: a late answer may take minutes, and usually there is none.
    void outcome.late?.then((late) => {
      if (late.kind !== 'unknown') this.#inHand(job, this.#note(job, late, isTrial, 'submit answered late'));
    });
  }

  async #note(job: Job, outcome: Outcome, isTrial: boolean, message: string): Promise<void> {
    // Log the `_id` before anything else can fail: it may be the only trace of the job.
    const providerId = outcome.kind === 'accepted' ? outcome.providerId : undefined;
    this.#log.info({ job: job.id, attempt: job.attempts, outcome: outcome.kind, providerId }, message);
    await this.#keepTrying(job, async () => {
      if (outcome.kind === 'account-refused') return this.#recordRefusal(job, outcome, isTrial);
      await this.#record(job, outcome);
      if (isTrial) await this.#endTrial(job, outcome.kind === 'accepted');
    });
  }

  /**
   * Retries `record`, because Akool's answer exists nowhere else and a short outage of the store must not
   * lose it.
   */
  async #keepTrying(job: Job, record: () => Promise<void>): Promise<void> {
    const backoff = new Backoff({ firstMs: 100, mostMs: 5000 });
    for (let tries = 1; ; tries += 1) {
      try {
        return await record();
      } catch (error) {
        const isHopeless = tries >= MAX_RECORD_TRIES && !isStoreUnavailable(error);
        if (isHopeless || this.#calls.signal.aborted) throw error;
        if (tries === 1) this.#log.warn({ err: error, job: job.id }, 'an answer could not be recorded yet');
        await sleep(backoff.next(), this.#calls.signal);
      }
    }
  }

  /** Store the hold first, so that anyone who sees the job waiting also sees why. */
  async #recordRefusal(job: Job, { reason, error }: AccountRefused, isTrial: boolean): Promise<void> {
    const at = this.#clock.now();
    this.#backoff.reset();
    const refusal = { reason, error, pictures: job.pictures, isTrial, at };
    const hold = await this.#holds.change((before) => afterRefusal(before, refusal));
    await this.#applyToTry(job, {
      type: 'held',
      at,
      retryAt: retryAfter(refusal, job.attempts),
      deadlineAt: job.createdAt + this.#settings.queueTtlMs,
      hold,
      creditRefused: creditRefusedAt(hold, refusal),
      error,
    });
  }

  async #endTrial(job: Job, wasAccepted: boolean): Promise<void> {
    const at = this.#clock.now();
    await this.#holds.change((before) => before && afterTrial(before, job, wasAccepted, at));
    this.#loop.wake();
  }

  async #record(job: Job, outcome: Exclude<Outcome, AccountRefused>): Promise<void> {
    const at = this.#clock.now();
    switch (outcome.kind) {
      case 'accepted':
        this.#backoff.reset();
        // Apply it whichever attempt it was: Akool has the job, and has billed it.
        await this.#jobs.apply(job.id, {
          type: 'accepted',
          at,
          pollAt: at + this.#settings.pollAfterMs,
          providerId: outcome.providerId,
          providerJobId: outcome.providerJobId,
        });
        return;
      case 'refused':
        this.#backoff.reset();
        await this.#applyToTry(job, { type: 'refused', at, error: outcome.error });
        return;
      case 'not-accepted':
        this.#pause(outcome.retryAfterMs, outcome.reason);
        await this.#applyToTry(job, {
          type: 'not-accepted',
          at,
          // Stored for all instances, unlike this instance's pause, and no later than the end of that pause.
          retryAt: at + Math.floor(this.#pausedUntil - this.#clock.steady()),
          deadlineAt: job.createdAt + this.#settings.queueTtlMs,
          reason: outcome.reason,
        });
        return;
      case 'not-ready':
        await this.#applyToTry(job, {
          type: 'not-accepted',
          at,
          retryAt: at + Math.max(outcome.retryAfterMs ?? 0, lookAgainMs(job.attempts)),
          deadlineAt: job.createdAt + this.#settings.queueTtlMs,
          reason: outcome.reason,
        });
        return;
      case 'unknown':
        await this.#applyToTry(job, {
          type: 'unconfirmed',
          at,
          slotFreeAt: at + this.#settings.unconfirmedSlotMs,
          reason: outcome.reason,
        });
        return;
      case 'taken-over':
        return;
      default:
        outcome satisfies never;
    }
  }

  /**
   * Applies the event only to this attempt. If another instance took it over, this attempt no longer counts.
   */
  #applyToTry(job: Job, event: JobEvent): Promise<{ readonly changed: boolean }> {
    return this.#jobs.apply(job.id, (current) => (current.attempts === job.attempts ? event : null));
  }

  /** Pauses all submits, because the cause (too many at once, Akool unreachable) affects all of them. */
  #pause(retryAfterMs: number | null, reason: string): void {
    const ms = Math.max(retryAfterMs ?? 0, this.#backoff.next());
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.steady() + ms);
    this.#log.warn({ pauseMs: Math.round(ms), reason }, 'dispatch backs off');
  }
}

/** Resolves after `ms` milliseconds, or when the signal fires. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal }).catch(() => undefined);
}

/** Milliseconds until face detection for a job is retried: longer with each attempt, with jitter. */
function lookAgainMs(tries: number): number {
  const ceiling = Math.min(MAX_LOOK_PAUSE_MS, 1000 * 2 ** Math.min(tries - 1, 16));
  return Math.round(ceiling * (0.5 + Math.random() / 2));
}
