/**
 * Keeps results permanently: downloads each before Akool's seven days are over, and makes our copy the job's
 * `result.url`.
 *
 * Each attempt holds a short claim in the store and renews it while it runs. So two instances never download the same
 * result at once, and an attempt whose process died is soon repeated. All attempts use the same name for the copy, so
 * none leaves anything behind.
 */
import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Logger } from 'pino';
import { pauseAfter } from '../../backoff.js';
import type { Clock } from '../../clock.js';
import { logLevelOf } from '../../errors.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import { ARCHIVE_CLAIM_MS, type ArchivedFile, type Job } from '../jobs/job.js';
import type { JobService } from '../jobs/job-service.js';
import type { JobStore } from '../jobs/job-store.js';
import type { BlobStore } from '../media/blob-store.js';
import { removeThumbnails } from '../media/copy-removal.js';
import { mediaTypeOf } from '../media/media-type.js';
import { ResultFetchError, type ResultFetcher } from '../media/result-fetcher.js';
import { Measure, ResultContentError, withHead } from '../media/result-stream.js';
import { ClaimLostError, whileClaimed } from './archive-claim.js';
import { hadRevokedResult } from './revoked-result.js';

interface ArchiverSettings {
  /** Larger results are left at Akool; in bytes. */
  readonly archiveMaxBytes: number;
  /** The timeout of one attempt, in milliseconds. */
  readonly archiveTimeoutMs: number;
}

const TICK_MS = 1000;
const SWEEP_EVERY_MS = 60 * 60 * 1000;
const PARALLEL = 4;
const RETRY_PAUSES = { firstMs: 1000, mostMs: 60 * 60 * 1000 };
/** The last attempt is made this long before Akool deletes the result. */
const LAST_CHANCE_MS = 60 * 1000;

export class Archiver {
  readonly #store: JobStore;
  readonly #jobs: JobService;
  readonly #archive: BlobStore;
  readonly #fetcher: ResultFetcher;
  readonly #clock: Clock;
  readonly #settings: ArchiverSettings;
  readonly #log: Logger;
  readonly #loop: PeriodicLoop;
  readonly #stopping = new AbortController();
  readonly #underWay = new Map<string, Promise<void>>();
  /** On the steady clock. */
  #sweepAt = 0;
  #unsubscribe: (() => void) | null = null;

  constructor(parts: {
    readonly store: JobStore;
    readonly jobs: JobService;
    readonly archive: BlobStore;
    readonly fetcher: ResultFetcher;
    readonly clock: Clock;
    readonly settings: ArchiverSettings;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#jobs = parts.jobs;
    this.#archive = parts.archive;
    this.#fetcher = parts.fetcher;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#log = parts.log;
    this.#loop = new PeriodicLoop(TICK_MS, () => this.#claim(), this.#log);
  }

  start(): void {
    this.#unsubscribe ??= this.#jobs.onChange((job) => {
      if (job.archiveAt !== null) this.#loop.wake();
    });
    this.#loop.start();
  }

  /** Aborts attempts in progress; they are repeated at the next start. May be called twice. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#stopping.abort();
    await this.#loop.stop();
    await Promise.all(this.#underWay.values());
  }

  async #claim(): Promise<void> {
    if (this.#clock.steady() >= this.#sweepAt) {
      this.#sweepAt = this.#clock.steady() + SWEEP_EVERY_MS;
      await this.#archive.sweep(this.#stopping.signal);
    }
    const free = PARALLEL - this.#underWay.size;
    if (free <= 0) return;
    const now = this.#clock.now();
    const heldUntil = this.#clock.steady() + ARCHIVE_CLAIM_MS;
    const claimed = await this.#store.claimArchives(now, now + ARCHIVE_CLAIM_MS, free);
    for (const job of claimed) {
      // A change of the job has ended the claim, but the attempt is still running.
      if (this.#underWay.has(job.id)) continue;
      const parts = { store: this.#store, clock: this.#clock, log: this.#log };
      const attempt: Promise<void> = whileClaimed(parts, job, heldUntil, (claimed) =>
        this.#attempt(job, claimed),
      )
        .catch((error: unknown) => this.#retry(job, error))
        .catch((error: unknown) =>
          this.#log[logLevelOf(error)](
            { err: error, job: job.id },
            'the outcome of archiving could not be recorded',
          ),
        )
        .finally(() => {
          this.#underWay.delete(job.id);
          this.#loop.wake();
        });
      this.#underWay.set(job.id, attempt);
    }
  }

  async #attempt(job: Job, claimed: AbortSignal): Promise<void> {
    if (job.eraseAt !== null) {
      await this.#leave(job);
      return;
    }
    if (job.result === null) return;
    const archive = await this.#keep(job, job.result.providerUrl, claimed);
    const { providerUrl } = job.result;
    const { job: afterwards, changed } = await this.#jobs.apply(job, ({ result }) =>
      // Skip the change if the job's result is no longer the downloaded one, because the submit's answer
      // revoked it.
      result?.providerUrl === providerUrl ? { type: 'archived', at: this.#clock.now(), archive } : null,
    );
    if (!changed && (afterwards === null || afterwards.eraseAt !== null)) await this.#leave(job);
  }

  /** Removes what was written for a job that was deleted meanwhile, and ends the claim that the eraser waits for. */
  async #leave(job: Job): Promise<void> {
    const { id, archiveAttempts: attempts } = job;
    // If the bucket does not answer, it is tried again then; the pause after a failed copy may be an hour.
    await this.#store.rescheduleArchive(id, { at: this.#clock.now() + ARCHIVE_CLAIM_MS, attempts });
    await this.#archive.removeAny(archiveStem(job));
    await this.#store.rescheduleArchive(id, { at: null, attempts });
    await this.#store.rescheduleErasure(id, this.#clock.now());
  }

  async #keep(job: Job, url: string, claimed: AbortSignal): Promise<ArchivedFile> {
    const signal = AbortSignal.any([
      claimed,
      this.#stopping.signal,
      AbortSignal.timeout(this.#settings.archiveTimeoutMs),
    ]);
    const { body, contentLength } = await this.#fetcher.fetch(url, signal);
    try {
      const most = this.#settings.archiveMaxBytes;
      if (contentLength !== null && contentLength > most) {
        throw new ResultContentError('TOO_LARGE', `the result is larger than ${most} bytes`);
      }
      const { head, whole } = await withHead(body);
      const type = await mediaTypeOf(head);
      if (type === null) throw new ResultContentError('WRONG_TYPE', 'the result is not a picture or video');
      // The copy of a result that was revoked may have another extension.
      if (await hadRevokedResult(this.#store, job.id))
        await this.#archive.removeAny(archiveStem(job), signal);
      const measure = new Measure(most, contentLength);
      const name = `${archiveStem(job)}.${type.extension}`;
      const source = Readable.from(whole);
      source.once('error', (error) => measure.destroy(error));
      // It may fail before the archive listens; it keeps its error until then.
      measure.on('error', () => {});
      const [earlier] = await Promise.all([
        // Of an earlier attempt. At worst it is the new one.
        this.#archive.find(name, signal),
        this.#archive.write(name, source.pipe(measure), { contentType: type.contentType, signal }),
      ]);
      if (earlier !== null) await removeThumbnails(this.#archive, name, signal);
      return { name, contentType: type.contentType, byteSize: measure.byteSize, sha256: measure.sha256() };
    } finally {
      body.on('error', () => {}).destroy();
    }
  }

  async #retry(job: Job, error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) {
      await this.#store.rescheduleArchive(job.id, { at: this.#clock.now(), attempts: job.archiveAttempts });
      return;
    }
    if (error instanceof ClaimLostError) {
      this.#log.warn({ err: error, job: job.id }, 'an attempt to keep a result was broken off');
    } else {
      await this.#scheduleNext(job, error);
    }
    // If only the answer was lost, the copy exists nevertheless, and must not outlive its job.
    const afterwards = await this.#store.get(job.id);
    if (afterwards === null || afterwards.eraseAt !== null) await this.#leave(job);
  }

  async #scheduleNext(job: Job, error: unknown): Promise<void> {
    const now = this.#clock.now();
    const attempts = job.archiveAttempts + 1;
    const lastChance = (job.result?.providerUrlExpiresAt ?? 0) - LAST_CHANCE_MS;
    const at = Math.min(now + pauseAfter(attempts, RETRY_PAUSES), lastChance);
    const givenUp = isForGood(error) || at <= now;
    await this.#store.rescheduleArchive(job.id, { at: givenUp ? null : at, attempts });
    this.#log.warn({ err: error, job: job.id, attempts, givenUp }, 'a result could not be kept');
  }
}

/** Whether another attempt would fail the same way. */
function isForGood(error: unknown): boolean {
  return (
    (error instanceof ResultContentError && error.code === 'TOO_LARGE') ||
    (error instanceof ResultFetchError && error.code === 'FORBIDDEN_ADDRESS')
  );
}

/**
 * The copy's name without its extension: as unguessable as the job's callback token, the same in each
 * attempt, and the token can't be derived from it.
 */
export function archiveStem(job: Job): string {
  return hash('sha256', `media:${job.callbackToken}`, 'base64url');
}
