/** Removes what interrupted uploads left, in the spool and in the store. */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { BlobStore } from '../media/blob-store.js';
import type { Spool } from './spool.js';

/** Other processes take this one for dead if it does not show itself for a few times as long. */
const SPOOL_EVERY_MS = 60_000;
const STORE_EVERY_MS = 60 * 60_000;

export class LeftoverSweep {
  readonly #spool: Spool;
  readonly #blobs: BlobStore;
  readonly #clock: Clock;
  readonly #loop: PeriodicLoop;
  readonly #stopping = new AbortController();
  /** The store has swept when it was opened. */
  #storeAt: number;

  constructor(parts: {
    readonly spool: Spool;
    readonly blobs: BlobStore;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#spool = parts.spool;
    this.#blobs = parts.blobs;
    this.#clock = parts.clock;
    this.#storeAt = this.#clock.steady() + STORE_EVERY_MS;
    this.#loop = new PeriodicLoop(SPOOL_EVERY_MS, () => this.#work(), parts.log);
  }

  start(): void {
    this.#loop.start();
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop.stop();
  }

  async #work(): Promise<void> {
    await this.#spool.sweep();
    if (this.#clock.steady() < this.#storeAt) return;
    this.#storeAt = this.#clock.steady() + STORE_EVERY_MS;
    await this.#blobs.sweep(this.#stopping.signal);
  }
}
