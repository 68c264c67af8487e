/**
 * Makes sure that every job ends: polls jobs whose callback does not arrive, takes over jobs that a dead dispatcher
 * left behind, and fails jobs whose time has run out.
 *
 * Callbacks are fast, polling is reliable; both end in the same `apply`.
 */
import type { Logger } from 'pino';
import { Backoff } from '../../backoff.js';
import type { Clock } from '../../clock.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { AkoolClient } from '../akool/akool-client.js';
import { needsOpts } from '../faces/fill-opts.js';
import { isFinal, type Job } from '../jobs/job.js';
import type { JobEvent } from '../jobs/job-event.js';
import type { JobRequest } from '../jobs/job-request.js';
import type { JobService } from '../jobs/job-service.js';
import type { JobStore } from '../jobs/job-store.js';
import { NEVER_CONFIRMED, TOOK_TOO_LONG, whyNeverAccepted } from './overdue-errors.js';
import { RESULT_LIFETIME_MS } from './provider-report.js';
import { ResultQuestions, type ResultQuestionsSettings } from './result-questions.js';

export interface ReconcilerSettings extends ResultQuestionsSettings {
  readonly jobDeadlineMs: number;
  readonly unconfirmedSlotMs: number;
  /** How long a job may wait to be sent, in milliseconds from its creation. */
  readonly queueTtlMs: number;
  /** A job that has been SUBMITTING for longer than this was abandoned by its dispatcher. */
  readonly abandonedAfterMs: number;
}

/** `_id`s per poll; 50 of them make a URL of about 1.3 KB. */
const BATCH = 50;
/** How long a job past its deadline is kept from failing while Akool does not answer the final poll. */
const LAST_LOOK_MS = 10 * 60 * 1000;
const MAX_POLL_MS = 60_000;
/** How long after sending a job that missed its deadline is still polled: as long as Akool keeps results. */
const LATE_RESULT_MS = RESULT_LIFETIME_MS;

export class Reconciler {
  readonly #store: JobStore;
  readonly #jobs: JobService;
  readonly #clock: Clock;
  readonly #settings: ReconcilerSettings;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #questions: ResultQuestions;
  readonly #loop: PeriodicLoop;
  readonly #calls = new AbortController();
  /** No final poll before this time, because the last one failed. On the steady clock, like the next field. */
  #nextLastLookAt = 0;
  /** Since when final polls have failed. */
  #inVainSince: number | null = null;

  constructor(parts: {
    readonly store: JobStore;
    readonly jobs: JobService;
    readonly akool: AkoolClient;
    readonly clock: Clock;
    readonly settings: ReconcilerSettings;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#jobs = parts.jobs;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#log = parts.log;
    this.#questions = new ResultQuestions({ ...parts, signal: this.#calls.signal });
    this.#backoff = new Backoff({ firstMs: parts.settings.pollAfterMs, mostMs: MAX_POLL_MS });
    const everyMs = Math.min(1000, Math.max(50, parts.settings.pollAfterMs / 4));
    this.#loop = new PeriodicLoop(everyMs, () => this.#look(), this.#log);
  }

  start(): void {
    this.#loop.start();
  }

  /** Aborts a poll in progress. May be called twice. */
  async stop(): Promise<void> {
    this.#calls.abort();
    await this.#loop.stop();
  }

  /** Returns why the job failed at Akool; null if Akool gives no reason within a moment. */
  reasonFor(providerId: string): Promise<string | null> {
    return this.#questions.reasonFor(providerId);
  }

  /** Resolves after a pass that began after this call. */
  pass(): Promise<void> {
    return this.#loop.pass();
  }

  /** Runs now instead of at the next tick. */
  wake(): void {
    this.#loop.wake();
  }

  /**
   * Takes over jobs that were being sent when their dispatcher died. Their outcome is unknown, so they become
   * UNCONFIRMED and are never sent again.
   *
   * @param olderThanMs how long they must have been SUBMITTING; 0 at a start with an exclusive store
   */
  async takeOver(olderThanMs: number): Promise<void> {
    for (;;) {
      const left = await this.#late((now) => this.#store.abandoned(now - olderThanMs, 100));
      if (left.length === 0) return;
      const requests = await this.#store.requests(left.map(({ id }) => id));
      const at = this.#clock.now();
      await Promise.all(
        left.map(async ({ id, version }) => {
          const request = requests.get(id);
          // The request may have changed since the list was read.
          const { job } = await this.#jobs.apply(id, (job) =>
            job.version === version && request !== undefined ? this.#leftBehind(job, request, at) : null,
          );
          this.#log.warn({ job: id, status: job?.status }, 'a submit was abandoned by its dispatcher');
        }),
      );
    }
  }

  #leftBehind(job: Job, request: JobRequest, at: number): JobEvent {
    const reason = 'the gateway stopped while it handled the job';
    // Detected faces are stored before the job is sent (see Sender).
    if (request.kind === 'PRO' && needsOpts(request)) {
      return {
        type: 'not-accepted',
        at,
        retryAt: null,
        deadlineAt: job.createdAt + this.#settings.queueTtlMs,
        reason,
      };
    }
    return { type: 'unconfirmed', at, slotFreeAt: at + this.#settings.unconfirmedSlotMs, reason };
  }

  async #look(): Promise<void> {
    await this.takeOver(this.#settings.abandonedAfterMs);
    await this.#expire();
    await this.#lastLooks();
    await this.#askAboutSilent();
  }

  /** Fails overdue jobs that cannot be polled. */
  async #expire(): Promise<void> {
    const late = await this.#late((now) => this.#store.pastDeadline(['WAITING', 'UNCONFIRMED'], now, 500));
    if (late.length === 0) return;
    const hold = await this.#store.accountHold();
    const tried = late.filter(({ status, attempts }) => status === 'WAITING' && attempts > 0);
    const histories = await this.#store.histories(tried.map(({ id }) => id));
    await Promise.all(
      late.map(({ id }) =>
        this.#jobs.apply(id, (job) => {
          const at = this.#clock.now();
          if (job.deadlineAt > at) return null;
          if (job.status === 'WAITING') {
            return { type: 'expired', at, error: whyNeverAccepted(job, histories.get(id) ?? [], hold) };
          }
          return job.status === 'UNCONFIRMED' ? { type: 'expired', at, error: NEVER_CONFIRMED } : null;
        }),
      ),
    );
  }

  /** Polls jobs that Akool has had for too long once more before they fail. */
  async #lastLooks(): Promise<void> {
    if (this.#clock.steady() < this.#nextLastLookAt) return;
    const late = await this.#late((now) => this.#store.pastDeadline(['QUEUED', 'PROCESSING'], now, BATCH));
    if (late.length === 0) {
      this.#inVainSince = null;
      return;
    }
    const asked = await this.#ask(late);
    if (this.#calls.signal.aborted) return;
    const steady = this.#clock.steady();
    this.#inVainSince = asked ? null : (this.#inVainSince ?? steady);
    if (!asked) this.#nextLastLookAt = steady + this.#backoff.next();
    const spareMs = Math.min(LAST_LOOK_MS, this.#settings.jobDeadlineMs);
    const spareAll = this.#inVainSince !== null && steady < this.#inVainSince + spareMs;
    await Promise.all(
      late.map(({ id }) =>
        this.#jobs.apply(id, (job) => {
          const at = this.#clock.now();
          const spared = spareAll || (!asked && at < job.deadlineAt + spareMs);
          if (job.deadlineAt > at || spared) return null;
          return { type: 'expired', at, error: TOOK_TOO_LONG, pollAt: Math.round(at + patienceMs(job, at)) };
        }),
      ),
    );
  }

  /**
   * Finds overdue jobs, and checks the clock first, because no job may fail just because the clock was set.
   */
  async #late(find: (now: number) => Promise<readonly Job[]>): Promise<readonly Job[]> {
    if ((await find(this.#clock.now())).length === 0) return [];
    await this.#clock.check();
    return find(this.#clock.now());
  }

  async #askAboutSilent(): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      // Reschedule before polling, so that a callback during the poll can make its job due again.
      const due = await this.#store.claimPolls(now, (job) => this.#nextPollAt(job, now), BATCH);
      if (due.length === 0) return;
      if (!(await this.#ask(due))) {
        await this.#reschedule(due, this.#backoff.next());
        return;
      }
      if (due.length < BATCH) return;
    }
  }

  /** Returns false if Akool could not be polled. */
  async #ask(jobs: readonly Job[]): Promise<boolean> {
    const asked = await this.#questions.ask(jobs);
    if (asked) this.#backoff.reset();
    return asked;
  }

  #reschedule(jobs: readonly Job[], pauseMs: number): Promise<void> {
    const now = this.#clock.now();
    return this.#store.reschedulePolls(
      jobs.map((job) => {
        const at = this.#nextPollAt(job, now);
        return { id: job.id, pollAt: at === null ? null : Math.round(at + pauseMs) };
      }),
    );
  }

  /**
   * The interval grows with the age of the job, with jitter. A job that missed its deadline is polled far less often,
   * and eventually no more: null.
   */
  #nextPollAt(job: Job, now: number): number | null {
    if (isFinal(job.status) && now > (job.sentAt ?? 0) + LATE_RESULT_MS) return null;
    const slowestMs = isFinal(job.status) ? Number.POSITIVE_INFINITY : MAX_POLL_MS;
    const ms = Math.max(this.#settings.pollAfterMs, Math.min(slowestMs, patienceMs(job, now)));
    return now + ms * (0.8 + 0.4 * Math.random());
  }
}

/** An eighth of the time since it was sent. */
function patienceMs({ sentAt }: Job, now: number): number {
  return (now - (sentAt ?? now)) / 8;
}
