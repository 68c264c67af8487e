/**
 * Deletes jobs permanently: our copy, the uploads that no other job names, Akool's copy, then the record. So whatever
 * interrupts it, the record still shows what is left to do, and every step can be repeated safely. Neither copy waits for
 * the other. While somebody may be writing our copy, the record stays too; afterwards all steps are repeated.
 *
 * A job to be deleted is hidden at once; the rest may take as long as Akool is unreachable.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { inTime } from '../../in-time.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { AkoolClient } from '../akool/akool-client.js';
import type { Job } from '../jobs/job.js';
import type { JobService } from '../jobs/job-service.js';
import type { JobStore } from '../jobs/job-store.js';
import type { BlobStore } from '../media/blob-store.js';
import { removeCopy } from '../media/copy-removal.js';
import { archiveStem } from './archiver.js';
import { RESULT_LIFETIME_MS } from './provider-report.js';
import { hadRevokedResult } from './revoked-result.js';
import type { UploadSweeper } from './upload-sweeper.js';

interface EraserSettings {
  /** Finished jobs are deleted after this many days; null: never. */
  readonly retentionDays: number | null;
}

const TICK_MS = 1000;
/** Jobs per pass. While there are more, the next pass begins after a pause as long as the last pass took. */
const BATCH = 200;
/** Jobs per write, which everything else waits for, and per call to Akool. */
const CHUNK = 50;
/** How long an attempt may take before another instance repeats it. */
const CLAIM_MS = 120_000;
/** How long a delete waits for Akool. */
const MOMENT_MS = 2000;
const RETRY_MS = 60_000;
const DAY_MS = 24 * 60 * 60 * 1000;

export class Eraser {
  readonly #store: JobStore;
  readonly #jobs: JobService;
  readonly #akool: Pick<AkoolClient, 'deleteResults'>;
  readonly #archive: BlobStore;
  readonly #uploads: Pick<UploadSweeper, 'release'>;
  readonly #clock: Clock;
  readonly #settings: EraserSettings;
  readonly #log: Logger;
  readonly #loop: PeriodicLoop;
  readonly #stopping = new AbortController();

  constructor(parts: {
    readonly store: JobStore;
    readonly jobs: JobService;
    readonly akool: Pick<AkoolClient, 'deleteResults'>;
    readonly archive: BlobStore;
    readonly uploads: Pick<UploadSweeper, 'release'>;
    readonly clock: Clock;
    readonly settings: EraserSettings;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#jobs = parts.jobs;
    this.#akool = parts.akool;
    this.#archive = parts.archive;
    this.#uploads = parts.uploads;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#log = parts.log;
    this.#loop = new PeriodicLoop(TICK_MS, () => this.#work(), this.#log);
  }

  start(): void {
    this.#loop.start();
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop.stop();
  }

  /**
   * Deletes a finished job. When this resolves, its tenant can no longer see it, our copy and its uploads are no longer
   * served, and Akool's copy is deleted, unless that takes longer than a moment. The rest follows in the
   * background.
   *
   * @throws GatewayError NOT_FOUND; CONFLICT if it is not finished
   */
  async delete(tenant: string, id: string): Promise<void> {
    const job = await this.#jobs.delete(tenant, id);
    try {
      await Promise.all([this.#removeCopy(job), this.#uploads.release([id])]);
    } catch (error) {
      this.#log.warn(
        { err: error, job: id },
        'the copy or the uploads of a deleted job could not be removed; retrying',
      );
    }
    await inTime(this.#loop.pass(), MOMENT_MS, undefined);
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
      chunks(atAkool).map((jobs) => this.#erase(jobs, now, this.#removeAtAkool(jobs))),
    );
    for (const jobs of chunks(gone)) results.push(await this.#erase(jobs, now, Promise.resolve()));
    const hasMore = hasMoreOld || claimed.length === BATCH;
    // If some could not be erased, the next tick is soon enough.
    if (hasMore && results.every((isErased) => isErased)) this.#loop.wakeIn(performance.now() - begun);
  }

  /** Marks jobs past their retention as deleted. Returns true if there may be more. */
  async #retire(now: number): Promise<boolean> {
    const { retentionDays } = this.#settings;
    if (retentionDays === null) return false;
    const old = await this.#store.finishedBefore(now - retentionDays * DAY_MS, BATCH);
    for (const jobs of chunks(old)) {
      await Promise.all(jobs.map((job) => this.#jobs.apply(job, { type: 'deleted', at: now })));
    }
    return old.length === BATCH;
  }

  /**
   * Returns true if all of them are fully erased.
   *
   * @param claimedAt when the jobs were read: whoever was writing a copy then may have finished it since
   */
  async #erase(jobs: readonly Job[], claimedAt: number, removingAtAkool: Promise<void>): Promise<boolean> {
    const [theirs, uploads, ...ours] = await Promise.allSettled([
      removingAtAkool,
      this.#uploads.release(jobs.map(({ id }) => id)),
      ...jobs.map((job) => this.#removeCopy(job)),
    ]);
    const isErased = (_: Job, i: number): boolean =>
      [theirs, uploads, ours[i]].every((end) => end?.status === 'fulfilled');
    const isWritten = ({ archiveAt }: Job): boolean => archiveAt !== null && archiveAt > claimedAt;
    const done = jobs.filter(isErased);
    const erased = done.filter((job) => !isWritten(job)).map(({ id }) => id);
    const left = jobs.filter((job, i) => !isErased(job, i)).map(({ id }) => id);
    await this.#store.erase(erased);
    await Promise.all(done.filter(isWritten).map((job) => this.#awaitCopy(job)));
    if (erased.length > 0) this.#log.info({ jobs: erased }, 'deleted');
    if (left.length === 0) return true;
    // Work that a stop interrupts is due at once after the next start.
    const at = this.#clock.now() + (this.#stopping.signal.aborted ? 0 : RETRY_MS);
    await Promise.all(left.map((id) => this.#store.rescheduleErasure(id, at)));
    const err: unknown = [theirs, uploads, ...ours].find((result) => result.status === 'rejected')?.reason;
    this.#log.warn({ err, jobs: left }, 'jobs could not be deleted yet; tried again later');
    return false;
  }

  /** Keeps the record until the claim of the copy's writer has ended: if the writer died, nothing else names the copy. */
  async #awaitCopy({ id, archiveAt }: Job): Promise<void> {
    await this.#store.rescheduleErasure(id, archiveAt ?? 0);
    const job = await this.#store.get(id);
    // The writer has left it meanwhile.
    if (job?.archiveAt === null) await this.#store.rescheduleErasure(id, this.#clock.now());
  }

  async #removeCopy(job: Job): Promise<void> {
    const mayHaveCopy =
      job.result !== null || (job.status === 'FAILED' && (await hadRevokedResult(this.#store, job.id)));
    if (!mayHaveCopy) return;
    const copy = job.result?.archive?.name;
    // No record mentions a copy that was being written when its process died, or whose result was revoked.
    const { signal } = this.#stopping;
    await (copy === undefined
      ? this.#archive.removeAny(archiveStem(job), signal)
      : removeCopy(this.#archive, copy, signal));
  }

  /** Akool deletes a result on its own after seven days. */
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
