/** Pauses dispatch after a submit that was not accepted. */
import type { Logger } from 'pino';
import { Backoff } from '../../backoff.js';
import type { Clock } from '../../clock.js';

/**
 * The pause of all submits of this instance after one that was not accepted, because its cause (too many at
 * once, Akool unreachable) affects all of them.
 */
export class DispatchPause {
  readonly #backoff = new Backoff({ firstMs: 500, mostMs: 30_000 });
  readonly #clock: Clock;
  readonly #log: Logger;
  /** On the steady clock. */
  #until = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** The rest of the pause in milliseconds; 0 or less: none. */
  get leftMs(): number {
    return this.#until - this.#clock.steady();
  }

  /** @param retryAfterMs null: Akool gave no time */
  begin(retryAfterMs: number | null, reason: string): void {
    const ms = Math.max(retryAfterMs ?? 0, this.#backoff.next());
    this.#until = Math.max(this.#until, this.#clock.steady() + ms);
    this.#log.warn({ pauseMs: Math.round(ms), reason }, 'dispatch backs off');
  }

  /** Akool answered, so the next pause is a short one again. */
  answered(): void {
    this.#backoff.reset();
  }
}
