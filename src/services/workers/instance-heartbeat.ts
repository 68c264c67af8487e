/** Tells the store that this gateway is alive, and logs an error if others are alive but can't notify it. */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { inTime } from '../../in-time.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { JobStore } from '../jobs/job-store.js';

const BEAT_MS = 5000;
const TTL_MS = 15_000;
/** How long a stop waits for the sign-off. */
const SIGN_OFF_MS = 1000;

export class InstanceHeartbeat {
  readonly #id = randomUUID();
  readonly #store: Pick<JobStore, 'heartbeat' | 'sayGoodbye'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #hasSharedBus: boolean;
  readonly #loop: PeriodicLoop;
  #others = 0;
  /** Whether the last beat reached the store. */
  #isHeard = false;
  #stopped: Promise<void> | null = null;

  constructor(parts: {
    readonly store: Pick<JobStore, 'heartbeat' | 'sayGoodbye'>;
    readonly clock: Clock;
    readonly hasSharedBus: boolean;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#hasSharedBus = parts.hasSharedBus;
    this.#log = parts.log;
    this.#loop = new PeriodicLoop(BEAT_MS, () => this.#beat(), this.#log);
  }

  /** Resolves with the number of other live gateways. */
  async start(): Promise<number> {
    await this.#beat();
    this.#loop.start();
    return this.#others;
  }

  /** Safe to call twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#leave();
    return this.#stopped;
  }

  async #leave(): Promise<void> {
    await this.#loop.stop();
    // If the store does not answer, don't wait for it again: the others notice the missing beat.
    if (!this.#isHeard) return;
    const signedOff = this.#store.sayGoodbye(this.#id).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'the store was unavailable at sign-off');
    });
    await inTime(signedOff, SIGN_OFF_MS, undefined);
  }

  async #beat(): Promise<void> {
    this.#isHeard = false;
    const others = await this.#store.heartbeat(this.#id, this.#clock.now(), TTL_MS);
    this.#isHeard = true;
    if (others > this.#others && !this.#hasSharedBus) {
      this.#log.error(
        { others },
        'ANOTHER GATEWAY USES THIS DATABASE, BUT REDIS_URL IS NOT SET: followers on one gateway see what happens on the other seconds late. Set REDIS_URL on all of them.',
      );
    }
    this.#others = others;
  }
}
