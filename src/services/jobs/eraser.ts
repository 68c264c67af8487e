/**
 * Deletes jobs for good: our copy, Akool's copy, then the record, so that whatever interrupts it, the record
 * still says what is left to do, and doing a step again does no harm. Neither copy waits for the other.
 *
 * A job that is to be deleted is hidden at once; the rest may take as long as Akool is out of reach.
 */
import type { Logger } from 'pino';
import type { AkoolClient } from '../akool/akool-client.js';
import type { Archive } from '../archive/archive.js';
import type { JobStore } from '../store/job-store.js';
import { archiveStem } from './archiver.js';
import type { Job } from './job.js';
import type { Clock, JobService } from './job-service.js';
import { PeriodicLoop } from './periodic-loop.js';
import { RESULT_LIFETIME_MS } from './provider-report.js';

export interface EraserSettings {
  /** Finished jobs are deleted after so many days; null: never. */
  readonly retentionDays: number | null;
}

const TICK_MS = 1000;
/** Erased at once; their calls to Akool end well within CLAIM_MS. */
const BATCH = 10;
/** How many old jobs one tick takes. */
const OLD_BATCH = 50;
/** How long an attempt may take before another instance makes it again. */
const CLAIM_MS = 120_000;
/** How long a delete waits for Akool. */
const MOMENT_MS = 2000;
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

  /**
   * Deletes a finished job: when this resolves it is gone for its tenant, our copy is no longer served, and
   * Akool was told, unless that takes longer than a moment. What is left follows by itself.
   *
   * @throws GatewayError NOT_FOUND, CONFLICT when it is not finished
   */
  async delete(tenant: string, id: string): Promise<void> {
    const job = await this.#jobs.delete(tenant, id);
    try {
      await this.#removeCopy(job);
    } catch (error) {
      this.#log.warn({ err: error, job: id }, 'the copy of a deleted job is still there; tried again');
    }
    await this.#forAMoment(this.#loop.pass());
  }

  async #forAMoment(work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, MOMENT_MS)))]);
    clearTimeout(timer);
  }

  async #work(): Promise<void> {
    const now = this.#clock.now();
    const { retentionDays } = this.#settings;
    if (retentionDays !== null) {
      const old = await this.#store.finishedBefore(now - retentionDays * DAY_MS, OLD_BATCH);
      await Promise.all(old.map(({ id }) => this.#jobs.apply(id, { type: 'deleted', at: now })));
    }
    await this.#store.forgetIdempotencyKeys(now);
    await this.#store.forgetChanges(now);
    for (;;) {
      const jobs = await this.#store.claimErasures(this.#clock.now(), this.#clock.now() + CLAIM_MS, BATCH);
      await Promise.all(jobs.map((job) => this.#erase(job)));
      if (jobs.length < BATCH || this.#stopping.signal.aborted) return;
    }
  }

  async #erase(job: Job): Promise<void> {
    const [ours, theirs] = await Promise.allSettled([this.#removeCopy(job), this.#removeAtAkool(job)]);
    const failure = [ours, theirs].find(({ status }) => status === 'rejected');
    if (failure === undefined) {
      await this.#store.erase(job.id);
      this.#log.info({ job: job.id }, 'deleted');
      return;
    }
    // What is broken off by a stop is the first thing to do after the next start.
    const wait = this.#stopping.signal.aborted ? 0 : RETRY_MS;
    await this.#store.rescheduleErasure(job.id, this.#clock.now() + wait);
    const err = 'reason' in failure ? failure.reason : undefined;
    this.#log.warn({ err, job: job.id }, 'a job could not be deleted yet; tried again later');
  }

  async #removeCopy(job: Job): Promise<void> {
    if (job.result === null) return;
    const copy = job.result.archive?.name;
    // One that was being made when its process died is in no record.
    const { signal } = this.#stopping;
    await (copy === undefined
      ? this.#archive.removeAny(archiveStem(job), signal)
      : this.#archive.remove(copy, signal));
  }

  async #removeAtAkool(job: Job): Promise<void> {
    // After its seven days Akool has deleted the result by itself.
    const isAtAkool = this.#clock.now() < (job.finishedAt ?? 0) + RESULT_LIFETIME_MS;
    if (job.providerId === null || !isAtAkool) return;
    await this.#akool.deleteResults([job.providerId], { signal: this.#stopping.signal });
  }
}
