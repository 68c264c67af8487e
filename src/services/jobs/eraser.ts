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
import type { Clock } from './clock.js';
import type { Job } from './job.js';
import type { JobService } from './job-service.js';
import { PeriodicLoop } from './periodic-loop.js';
import { RESULT_LIFETIME_MS } from './provider-report.js';

export interface EraserSettings {
  /** Finished jobs are deleted after so many days; null: never. */
  readonly retentionDays: number | null;
}

const TICK_MS = 1000;
/** Jobs of one pass. While there are more, the next one follows after as long a pause as it took. */
const BATCH = 200;
/** Jobs of one write, which everything else waits for, and of one call to Akool. */
const CHUNK = 50;
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
    const begun = performance.now();
    const now = this.#clock.now();
    await this.#store.forgetIdempotencyKeys(now);
    await this.#store.forgetChanges(now);
    const hasMoreOld = await this.#retire(now);
    const claimed = await this.#store.claimErasures(now, now + CLAIM_MS, BATCH);
    const gone = claimed.filter((job) => !this.#isAtAkool(job, now));
    const atAkool = claimed.filter((job) => this.#isAtAkool(job, now));
    const results = await Promise.all(
      chunks(atAkool).map((jobs) => this.#erase(jobs, this.#removeAtAkool(jobs))),
    );
    for (const jobs of chunks(gone)) results.push(await this.#erase(jobs, Promise.resolve()));
    const hasMore = hasMoreOld || claimed.length === BATCH;
    // While something keeps them, the next tick is soon enough.
    if (hasMore && results.every((isErased) => isErased)) this.#loop.wakeIn(performance.now() - begun);
  }

  /** Marks jobs as deleted that are past their days. True when there may be more. */
  async #retire(now: number): Promise<boolean> {
    const { retentionDays } = this.#settings;
    if (retentionDays === null) return false;
    const old = await this.#store.finishedBefore(now - retentionDays * DAY_MS, BATCH);
    for (const jobs of chunks(old)) {
      await Promise.all(jobs.map(({ id }) => this.#jobs.apply(id, { type: 'deleted', at: now })));
    }
    return old.length === BATCH;
  }

  /** True when nothing is left of any of them. */
  async #erase(jobs: readonly Job[], removingAtAkool: Promise<void>): Promise<boolean> {
    const [theirs, ...ours] = await Promise.allSettled([
      removingAtAkool,
      ...jobs.map((job) => this.#removeCopy(job)),
    ]);
    const isErased = (_: Job, i: number): boolean =>
      theirs.status === 'fulfilled' && ours[i]?.status === 'fulfilled';
    const erased = jobs.filter(isErased).map(({ id }) => id);
    const left = jobs.filter((job, i) => !isErased(job, i)).map(({ id }) => id);
    await this.#store.erase(erased);
    if (erased.length > 0) this.#log.info({ jobs: erased }, 'deleted');
    if (left.length === 0) return true;
    // What is broken off by a stop is the first thing to do after the next start.
    const at = this.#clock.now() + (this.#stopping.signal.aborted ? 0 : RETRY_MS);
    await Promise.all(left.map((id) => this.#store.rescheduleErasure(id, at)));
    const err: unknown = [theirs, ...ours].find((result) => result.status === 'rejected')?.reason;
    this.#log.warn({ err, jobs: left }, 'jobs could not be deleted yet; tried again later');
    return false;
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

  /** After its seven days Akool has deleted a result by itself. */
  #isAtAkool({ providerId, finishedAt }: Job, now: number): boolean {
    return providerId !== null && now < (finishedAt ?? 0) + RESULT_LIFETIME_MS;
  }

  #removeAtAkool(jobs: readonly Job[]): Promise<void> {
    const ids = jobs.flatMap(({ providerId }) => providerId ?? []);
    return this.#akool.deleteResults(ids, { signal: this.#stopping.signal });
  }
}

function chunks(jobs: readonly Job[]): readonly (readonly Job[])[] {
  const count = Math.ceil(jobs.length / CHUNK);
  return Array.from({ length: count }, (_, i) => jobs.slice(i * CHUNK, (i + 1) * CHUNK));
}
