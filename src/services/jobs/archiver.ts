/**
 * Keeps results for good: fetches each before Akool's seven days are over, and makes our copy the job's
 * `result.url`.
 *
 * Each attempt is claimed in the store for a time, so instances never fetch the same result at once, and an
 * attempt that died with its process is made again. The copy's name is the same in each attempt, so nothing
 * is left behind.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { Archive } from '../archive/archive.js';
import { mediaTypeOf } from '../archive/media-type.js';
import type { ResultFetcher } from '../archive/result-fetcher.js';
import { Measure, ResultContentError, withHead } from '../archive/result-stream.js';
import type { JobStore } from '../store/job-store.js';
import type { ArchivedFile, Job } from './job.js';
import type { Clock, JobService } from './job-service.js';
import { PeriodicLoop } from './periodic-loop.js';

export interface ArchiverSettings {
  /** Larger results are left with Akool, in bytes. */
  readonly archiveMaxBytes: number;
  /** The longest that one attempt may take, in milliseconds. */
  readonly archiveTimeoutMs: number;
}

const TICK_MS = 1000;
const PARALLEL = 4;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60 * 60 * 1000;

export class Archiver {
  readonly #store: JobStore;
  readonly #jobs: JobService;
  readonly #archive: Archive;
  readonly #fetcher: ResultFetcher;
  readonly #clock: Clock;
  readonly #settings: ArchiverSettings;
  readonly #log: Logger;
  readonly #loop: PeriodicLoop;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #unsubscribe: (() => void) | null = null;

  constructor(parts: {
    readonly store: JobStore;
    readonly jobs: JobService;
    readonly archive: Archive;
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

  /** Ends attempts under way; they are made again at the next start. Safe to call twice. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#stopping.abort();
    await this.#loop.stop();
    await Promise.all(this.#underWay);
  }

  async #claim(): Promise<void> {
    const free = PARALLEL - this.#underWay.size;
    if (free <= 0) return;
    const now = this.#clock.now();
    // Nobody else takes it before this attempt has surely ended.
    const until = now + this.#settings.archiveTimeoutMs + 10_000;
    const claimed = await this.#store.claimArchives(now, until, free);
    for (const job of claimed) {
      const attempt: Promise<void> = this.#attempt(job)
        .catch((error: unknown) => this.#retry(job, error))
        .catch((error: unknown) =>
          this.#log.error({ err: error, job: job.id }, 'archiving could not be noted'),
        )
        .finally(() => {
          this.#underWay.delete(attempt);
          this.#loop.wake();
        });
      this.#underWay.add(attempt);
    }
  }

  async #attempt(job: Job): Promise<void> {
    if (job.result === null) return;
    const archive = await this.#keep(job, job.result.providerUrl);
    const { job: afterwards, changed } = await this.#jobs.apply(job.id, {
      type: 'archived',
      at: this.#clock.now(),
      archive,
    });
    // The job was deleted meanwhile: its copy must not outlive it.
    if (!changed && (afterwards === null || afterwards.eraseAt !== null))
      await this.#archive.remove(archive.name);
  }

  async #keep(job: Job, url: string): Promise<ArchivedFile> {
    const signal = AbortSignal.any([
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
      if (type === null) throw new ResultContentError('WRONG_TYPE', 'the result is no picture or video');
      const measure = new Measure(most, contentLength);
      const name = `${archiveName(job)}.${type.extension}`;
      const source = Readable.from(whole);
      source.once('error', (error) => measure.destroy(error));
      await this.#archive.write(name, source.pipe(measure));
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
    const now = this.#clock.now();
    const attempts = job.archiveAttempts + 1;
    const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20));
    const at = now + ceiling * (0.5 + Math.random() / 2);
    const isTooLate = at >= (job.result?.providerUrlExpiresAt ?? 0);
    await this.#store.rescheduleArchive(job.id, { at: isTooLate ? null : at, attempts });
    this.#log.warn({ err: error, job: job.id, attempts, givenUp: isTooLate }, 'a result could not be kept');
  }
}

/** Unguessable as the job's callback token is, and the same in each attempt; the token can't be got from it. */
function archiveName(job: Job): string {
  return createHash('sha256').update(`media:${job.callbackToken}`).digest('base64url');
}
