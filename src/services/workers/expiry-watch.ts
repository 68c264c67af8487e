/** Warns of results without a copy that Akool is about to delete. */
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../clock.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { JobStore } from '../jobs/job-store.js';

const EVERY_MS = 10 * 60 * 1000;
/** A result that expires within this time is reported. */
const CLOSE_MS = 24 * 60 * 60 * 1000;

export class ExpiryWatch {
  readonly #loop: PeriodicLoop;

  constructor(parts: {
    readonly store: Pick<JobStore, 'expiringResults'>;
    readonly clock: Clock;
    readonly registry: Registry;
    readonly log: Logger;
  }) {
    const { store, clock, registry, log } = parts;
    const expiring = (): ReturnType<JobStore['expiringResults']> =>
      store.expiringResults(clock.now(), clock.now() + CLOSE_MS);
    const gauge: Gauge = new Gauge({
      name: 'faceswap_results_expiring',
      help: 'Results without a copy of ours that Akool deletes within 24 hours. Each gateway exports the same value: use max(), not sum().',
      registers: [registry],
      collect: async () => gauge.set((await expiring()).count),
    });
    this.#loop = new PeriodicLoop(
      EVERY_MS,
      async () => {
        const { count, ids } = await expiring();
        if (count > 0) log.warn({ count, jobs: ids }, 'results without a copy are about to expire');
      },
      log,
    );
  }

  start(): void {
    this.#loop.start();
  }

  /** May be called twice. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
