/**
 * Whether this instance can serve, for load balancers and operators.
 *
 * It can't without its database. Without Redis it can; updates from other instances then arrive seconds late. All
 * instances share one Redis, so if its absence made them unready, no instance would be left to serve.
 */
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import { inTime } from '../in-time.js';
import type { JobBus } from './jobs/job-bus.js';
import type { JobStore } from './jobs/job-store.js';

export type Readiness = 'ok' | 'degraded' | 'unavailable';

/** Shorter than the timeouts of most probes. */
const ANSWER_MS = 900;
/** For this long after an answer the next one may be late, because all connections may be in use. */
const BUSY_MS = 5000;

export class Health {
  readonly #store: Pick<JobStore, 'ping'>;
  readonly #bus: Pick<JobBus, 'health'>;
  readonly #log: Logger;
  /** The ping in progress; concurrent checks share it, so at most one hangs. */
  #asked: Promise<boolean> | null = null;
  #wasUp = true;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(parts: {
    readonly store: Pick<JobStore, 'ping'>;
    readonly bus: Pick<JobBus, 'health'>;
    readonly registry: Registry;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#bus = parts.bus;
    this.#log = parts.log;
    const registers = [parts.registry];
    const database: Gauge = new Gauge({
      name: 'faceswap_database_up',
      help: '1 while the database answers this gateway, else 0.',
      registers,
      collect: async () => database.set((await this.#isDatabaseUp()) ? 1 : 0),
    });
    const bus: Gauge = new Gauge({
      name: 'faceswap_bus_up',
      help: '1 if this gateway and the others can notify each other (over Redis), otherwise 0; 1 without Redis.',
      registers,
      collect: () => bus.set(this.#bus.health().isUp ? 1 : 0),
    });
  }

  /** Resolves within a second. Never rejects. */
  async readiness(): Promise<Readiness> {
    if (!(await this.#isDatabaseUp())) return 'unavailable';
    return this.#bus.health().isUp ? 'ok' : 'degraded';
  }

  async #isDatabaseUp(): Promise<boolean> {
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = null;
    });
    const isUp = await inTime(this.#asked, ANSWER_MS, null);
    if (isUp !== null) return isUp;
    if (performance.now() - this.#answeredAt < BUSY_MS) return true;
    this.#report(false, new Error(`no answer within ${ANSWER_MS} ms`));
    return false;
  }

  async #ask(): Promise<boolean> {
    try {
      await this.#store.ping();
      this.#answeredAt = performance.now();
      this.#report(true);
      return true;
    } catch (error) {
      this.#answeredAt = Number.NEGATIVE_INFINITY;
      this.#report(false, error);
      return false;
    }
  }

  #report(isUp: boolean, error?: unknown): void {
    if (isUp === this.#wasUp) return;
    this.#wasUp = isUp;
    if (isUp) this.#log.info('ready again: the database answers');
    else this.#log.error({ err: error }, 'not ready: the database does not answer');
  }
}
