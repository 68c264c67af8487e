/**
 * Removes thumbnails whose copy is gone: of a process that died while it made one, or of a gateway of an older version,
 * which erases copies only. It goes through the whole archive, but reads nothing of it.
 */
import type { Logger } from 'pino';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { BlobStore } from '../media/blob-store.js';
import { thumbnailOfName } from '../media/thumbnail-name.js';

const EVERY_MS = 24 * 60 * 60 * 1000;
/** After a failure. */
const AGAIN_MS = 10 * 60 * 1000;

export class ThumbnailSweeper {
  readonly #archive: BlobStore;
  readonly #log: Logger;
  readonly #loop: PeriodicLoop;
  readonly #stopping = new AbortController();

  constructor({ archive, log }: { readonly archive: BlobStore; readonly log: Logger }) {
    this.#archive = archive;
    this.#log = log;
    this.#loop = new PeriodicLoop(EVERY_MS, () => this.#work(), log);
  }

  /** Sweeps at once, and then once a day. */
  start(): void {
    this.#loop.start();
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop.stop();
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      await this.#sweep(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#loop.wakeIn(AGAIN_MS);
      throw error;
    }
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    /** A bucket lists each copy right before its thumbnails, so that none has to be looked for. */
    let lastCopy = '';
    let removed = 0;
    for await (const name of this.#archive.names(signal)) {
      signal.throwIfAborted();
      const copy = thumbnailOfName(name)?.copy;
      if (copy === undefined) lastCopy = name;
      else if (copy !== lastCopy && (await this.#archive.find(copy, signal)) === null) {
        await this.#archive.remove(name, signal);
        removed += 1;
      }
    }
    if (removed > 0) this.#log.info({ removed }, 'thumbnails without a copy were removed');
  }
}
