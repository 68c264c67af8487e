/**
 * Ends uploads: hides those that have expired, then erases the bytes of those that are hidden, then their records. So
 * whatever interrupts it, the record still shows what is left to do, and every step can be repeated safely.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { inTime } from '../../in-time.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { BlobStore } from '../media/blob-store.js';
import { blobNamesOf, type Upload } from '../uploads/upload.js';
import type { UploadService } from '../uploads/upload-service.js';
import type { UploadStore } from '../uploads/upload-store.js';

interface UploadSweeperSettings {
  /** How long an upload is kept after the last job that named it. */
  readonly uploadTtlMs: number;
}

const TICK_MS = 1000;
/** Uploads per pass. While there are more, the next pass begins after a pause as long as the last pass took. */
const BATCH = 100;
/** How long an attempt may take before another instance repeats it. */
const CLAIM_MS = 120_000;
/** How long a delete waits for the bytes to be erased. */
const MOMENT_MS = 2000;
const RETRY_MS = 60_000;

export class UploadSweeper {
  readonly #store: UploadStore;
  readonly #uploads: Pick<UploadService, 'discard'>;
  readonly #blobs: Pick<BlobStore, 'remove'>;
  readonly #clock: Clock;
  readonly #settings: UploadSweeperSettings;
  readonly #log: Logger;
  readonly #loop: PeriodicLoop;
  readonly #stopping = new AbortController();

  constructor(parts: {
    readonly store: UploadStore;
    readonly uploads: Pick<UploadService, 'discard'>;
    readonly blobs: Pick<BlobStore, 'remove'>;
    readonly clock: Clock;
    readonly settings: UploadSweeperSettings;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#uploads = parts.uploads;
    this.#blobs = parts.blobs;
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
   * Deletes an upload. When this resolves, it is no longer seen or served, and its bytes are erased, unless that takes
   * longer than a moment.
   *
   * @throws GatewayError NOT_FOUND; CONFLICT if an unfinished job needs it
   */
  async delete(tenant: string, id: string): Promise<void> {
    await this.#uploads.discard(tenant, id);
    await this.#swept();
  }

  /** Erases the uploads that only these deleted jobs named, in the same way. May be repeated. */
  async release(jobIds: readonly string[]): Promise<void> {
    if (await this.#store.release(jobIds, this.#clock.now())) await this.#swept();
  }

  async #swept(): Promise<void> {
    await inTime(this.#loop.pass(), MOMENT_MS, undefined);
  }

  async #work(): Promise<void> {
    const begun = performance.now();
    const now = this.#clock.now();
    const looked = await this.#store.expire(now, this.#settings.uploadTtlMs, BATCH);
    const claimed = await this.#store.claimErasures(now, now + CLAIM_MS, BATCH);
    const isErased = claimed.length === 0 || (await this.#erase(claimed));
    // If some could not be erased, the next tick is soon enough.
    if (isErased && (looked === BATCH || claimed.length === BATCH)) {
      this.#loop.wakeIn(performance.now() - begun);
    }
  }

  /** Returns true if all of them are fully erased. */
  async #erase(uploads: readonly Upload[]): Promise<boolean> {
    const { signal } = this.#stopping;
    const results = await Promise.allSettled(
      uploads.map((upload) =>
        Promise.all(blobNamesOf(upload).map((name) => this.#blobs.remove(name, signal))),
      ),
    );
    const isGone = (_: Upload, i: number): boolean => results[i]?.status === 'fulfilled';
    const erased = uploads.filter(isGone).map(({ id }) => id);
    const left = uploads.filter((upload, i) => !isGone(upload, i)).map(({ id }) => id);
    await this.#store.erase(erased);
    if (erased.length > 0) this.#log.info({ uploads: erased }, 'uploads erased');
    if (left.length === 0) return true;
    // Work that a stop interrupts is due at once after the next start.
    await this.#store.rescheduleErasures(left, this.#clock.now() + (signal.aborted ? 0 : RETRY_MS));
    const err: unknown = results.find((result) => result.status === 'rejected')?.reason;
    this.#log.warn({ err, uploads: left }, 'uploads could not be erased yet; tried again later');
    return false;
  }
}
