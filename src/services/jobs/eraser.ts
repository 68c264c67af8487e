/**
 * Deletes jobs for good: first Akool's copy, then ours, then the record, so that whatever interrupts it, the
 * record still says what is left to do, and doing a step again does no harm.
 *
 * A job that is to be deleted is hidden at once; the rest may take as long as Akool is out of reach.
 */
import type { Logger } from 'pino';
import type { AkoolClient } from '../akool/akool-client.js';
import type { Archive } from '../archive/archive.js';
import type { JobStore } from '../store/job-store.js';
import type { Job } from './job.js';
import type { Clock, JobService } from './job-service.js';
import { PeriodicLoop } from './periodic-loop.js';
import { RESULT_LIFETIME_MS } from './provider-report.js';

export interface EraserSettings {
  /** Finished jobs are deleted after so many days; null: never. */
  readonly retentionDays: number | null;
}

const TICK_MS = 5000;
const BATCH = 50;
/** How long an attempt may take before another instance makes it again. */
const CLAIM_MS = 120_000;
const RETRY_MS = 60_000;
const DAY_MS = 24 * 60 * 60 * 1000;

export class Eraser {
  readonly #store: JobStore;
  readonly #jobs: JobService;
  readonly #akool: Pick<AkoolClient, 'deleteResults'>;
  readonly #archive: Archive;
  readonly #clock: Clock;
  readonly #settings: EraserSettings;
  readonly #log: Logger;
  readonly #loop: PeriodicLoop;
  readonly #stopping = new AbortController();

  constructor(parts: {
    readonly store: JobStore;
    readonly jobs: JobService;
    readonly akool: Pick<AkoolClient, 'deleteResults'>;
    readonly archive: Archive;
    readonly clock: Clock;
    readonly settings: EraserSettings;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#jobs = parts.jobs;
    this.#akool = parts.akool;
    this.#archive = parts.archive;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#log = parts.log;
    this.#loop = new PeriodicLoop(TICK_MS, () => this.#work(), this.#log);
  }

  start(): void {
    this.#loop.start();
  }

  /** Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop.stop();
  }

  /** Resolves after a round that began after this call. */
  pass(): Promise<void> {
    return this.#loop.pass();
  }

  async #work(): Promise<void> {
    const now = this.#clock.now();
    const { retentionDays } = this.#settings;
    if (retentionDays !== null) {
      const old = await this.#store.finishedBefore(now - retentionDays * DAY_MS, BATCH);
      await Promise.all(old.map(({ id }) => this.#jobs.apply(id, { type: 'deleted', at: now })));
    }
    await this.#store.forgetIdempotencyKeys(now);
    for (;;) {
      const jobs = await this.#store.claimErasures(this.#clock.now(), this.#clock.now() + CLAIM_MS, BATCH);
      for (const job of jobs) {
        if (this.#stopping.signal.aborted) return;
        await this.#erase(job);
      }
      if (jobs.length < BATCH) return;
    }
  }

  async #erase(job: Job): Promise<void> {
    try {
      // After its seven days Akool has deleted the result by itself.
      const isAtAkool = this.#clock.now() < (job.finishedAt ?? 0) + RESULT_LIFETIME_MS;
      if (job.providerId !== null && isAtAkool) {
        await this.#akool.deleteResults([job.providerId], { signal: this.#stopping.signal });
      }
      const copy = job.result?.archive?.name;
      if (copy !== undefined) await this.#archive.remove(copy);
      await this.#store.erase(job.id);
      this.#log.info({ job: job.id }, 'deleted');
    } catch (error) {
      await this.#store.rescheduleErasure(job.id, this.#clock.now() + RETRY_MS);
      this.#log.warn({ err: error, job: job.id }, 'a job could not be deleted yet; tried again later');
    }
  }
}
