/**
 * Records the outcome of each submit: in the job, in the account hold, and as a pause of all submits. Akool's
 * answer exists nowhere else, so a short outage of the store must not lose it.
 */
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Backoff, pauseAfter } from '../../backoff.js';
import type { Clock } from '../../clock.js';
import { isStoreUnavailable } from '../../errors.js';
import { afterRefusal, afterTrial, creditRefusedAt, retryAfter } from '../jobs/account-hold.js';
import type { Job } from '../jobs/job.js';
import type { JobError } from '../jobs/job-error.js';
import type { JobEvent } from '../jobs/job-event.js';
import type { FaceSwapRequest } from '../jobs/job-request.js';
import type { JobService } from '../jobs/job-service.js';
import type { AccountHolds } from './account-holds.js';
import type { DispatchPause } from './dispatch-pause.js';
import type { Outcome } from './sender.js';

export interface OutcomeSettings {
  /** A sent job is polled after this long without news, in milliseconds. */
  readonly pollAfterMs: number;
  /** How long an UNCONFIRMED job holds its slot, in milliseconds. */
  readonly unconfirmedSlotMs: number;
  /** How long a job may wait to be sent, in milliseconds from its creation. */
  readonly queueTtlMs: number;
}

/** About a minute and a half; unlimited while the database is unavailable. */
const MAX_RECORD_TRIES = 40;
/** The pauses until face detection for a job is retried. */
const LOOK_PAUSES = { firstMs: 1000, mostMs: 60_000 };
type AccountRefused = Extract<Outcome, { kind: 'account-refused' }>;

export class OutcomeRecorder {
  readonly #jobs: JobService;
  readonly #holds: Pick<AccountHolds, 'change'>;
  readonly #pause: DispatchPause;
  readonly #clock: Clock;
  readonly #settings: OutcomeSettings;
  readonly #signal: AbortSignal;
  readonly #log: Logger;

  constructor(parts: {
    readonly jobs: JobService;
    readonly holds: Pick<AccountHolds, 'change'>;
    readonly pause: DispatchPause;
    readonly clock: Clock;
    readonly settings: OutcomeSettings;
    /** Ends the retries. */
    readonly signal: AbortSignal;
    readonly log: Logger;
  }) {
    this.#jobs = parts.jobs;
    this.#holds = parts.holds;
    this.#pause = parts.pause;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#signal = parts.signal;
    this.#log = parts.log;
  }

  /** Stores the request with the faces that were found for it. Returns false if this attempt no longer counts. */
  async prepared(job: Job, request: FaceSwapRequest): Promise<boolean> {
    const event = { type: 'prepared', at: this.#clock.now(), request } as const;
    return (await this.#applyToTry(job, event)).changed;
  }

  /** @param isTrial the job was sent despite the account hold */
  async answered(job: Job, outcome: Outcome, isTrial: boolean, message: string): Promise<void> {
    // Log the `_id` before anything else can fail: it may be the only trace of the job.
    const providerId = outcome.kind === 'accepted' ? outcome.providerId : undefined;
    this.#log.info({ job: job.id, attempt: job.attempts, outcome: outcome.kind, providerId }, message);
    this.#pauseAfter(outcome);
    await this.#keepTrying(job, async () => {
      if (outcome.kind === 'account-refused') return this.#recordRefusal(job, outcome, isTrial);
      await this.#record(job, outcome);
      if (isTrial) await this.#endTrial(job, outcome.kind === 'accepted');
    });
  }

  /**
   * Returns a leased job to the queue: the store was unavailable for so long that others may consider this
   * instance dead and the job sent.
   */
  async giveBack(job: Job): Promise<void> {
    this.#log.warn({ job: job.id }, 'the store was away while a job was leased; the job waits again, unsent');
    const deadlineAt = job.createdAt + this.#settings.queueTtlMs;
    const reason = 'not sent: the database was away';
    await this.#keepTrying(job, async () => {
      const at = this.#clock.now();
      await this.#applyToTry(job, { type: 'not-accepted', at, retryAt: null, deadlineAt, reason });
    });
  }

  #pauseAfter(outcome: Outcome): void {
    switch (outcome.kind) {
      case 'accepted':
      case 'refused':
      case 'account-refused':
        this.#pause.answered();
        return;
      case 'not-accepted':
        this.#pause.begin(outcome.retryAfterMs, outcome.reason);
        return;
      case 'not-ready':
      case 'unknown':
      case 'taken-over':
        return;
      default:
        outcome satisfies never;
    }
  }

  async #keepTrying(job: Job, record: () => Promise<void>): Promise<void> {
    const backoff = new Backoff({ firstMs: 100, mostMs: 5000 });
    for (let tries = 1; ; tries += 1) {
      try {
        return await record();
      } catch (error) {
        const isHopeless = tries >= MAX_RECORD_TRIES && !isStoreUnavailable(error);
        if (isHopeless || this.#signal.aborted) throw error;
        if (tries === 1) this.#log.warn({ err: error, job: job.id }, 'an answer could not be recorded yet');
        await sleep(backoff.next(), this.#signal);
      }
    }
  }

  /** Store the hold first, so that anyone who sees the job waiting also sees why. */
  async #recordRefusal(job: Job, { reason, error }: AccountRefused, isTrial: boolean): Promise<void> {
    const at = this.#clock.now();
    const refusal = { reason, error, pictures: job.pictures, isTrial, at };
    const isKnown = reason === 'ACCOUNT' && (await this.#wasRefusedBefore(job, error));
    const hold = await this.#holds.change((before) =>
      before === null && isKnown ? null : afterRefusal(before, refusal),
    );
    const retryAt = retryAfter(refusal, job.attempts);
    const deadlineAt = job.createdAt + this.#settings.queueTtlMs;
    if (hold === null) {
      this.#log.warn(
        { job: job.id },
        'Akool refuses the account for a job for which it did before; the job waits, others are sent',
      );
      await this.#applyToTry(job, { type: 'not-accepted', at, retryAt, deadlineAt, reason: error.code });
      return;
    }
    const creditRefused = creditRefusedAt(hold, refusal);
    await this.#applyToTry(job, { type: 'held', at, retryAt, deadlineAt, hold, creditRefused, error });
  }

  /** Whether Akool has refused the account for this job in an earlier hold, which another job has ended since. */
  async #wasRefusedBefore(job: Job, error: JobError): Promise<boolean> {
    if (job.attempts < 2) return false;
    const history = (await this.#jobs.histories([job.id])).get(job.id) ?? [];
    return history.some(({ source, note }) => source === 'SUBMIT' && note === error.code);
  }

  async #endTrial(job: Job, wasAccepted: boolean): Promise<void> {
    const at = this.#clock.now();
    await this.#holds.change((before) => before && afterTrial(before, job, wasAccepted, at));
  }

  async #record(job: Job, outcome: Exclude<Outcome, AccountRefused>): Promise<void> {
    const at = this.#clock.now();
    switch (outcome.kind) {
      case 'accepted':
        // Apply it whichever attempt it was: Akool has the job, and has billed it.
        await this.#jobs.apply(job, {
          type: 'accepted',
          at,
          pollAt: at + this.#settings.pollAfterMs,
          providerId: outcome.providerId,
          providerJobId: outcome.providerJobId,
        });
        return;
      case 'refused':
        await this.#applyToTry(job, { type: 'refused', at, error: outcome.error });
        return;
      case 'not-accepted':
        await this.#applyToTry(job, {
          type: 'not-accepted',
          at,
          // Stored for all instances, unlike this instance's pause, and no later than the end of that pause.
          retryAt: at + Math.floor(this.#pause.leftMs),
          deadlineAt: job.createdAt + this.#settings.queueTtlMs,
          reason: outcome.reason,
        });
        return;
      case 'not-ready':
        await this.#applyToTry(job, {
          type: 'not-accepted',
          at,
          retryAt: at + Math.max(outcome.retryAfterMs ?? 0, pauseAfter(job.attempts, LOOK_PAUSES)),
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
    return this.#jobs.apply(job, (current) => (current.attempts === job.attempts ? event : null));
  }
}

/** Resolves after `ms` milliseconds, or when the signal fires. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
