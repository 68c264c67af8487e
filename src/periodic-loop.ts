/**
 * Runs work repeatedly: at a fixed interval and at once when woken, but never concurrently.
 *
 * Waking it during a run causes one more run afterwards, so nothing that happened before a wake is missed. A failure
 * is logged, and the loop continues.
 */
import type { Logger } from 'pino';
import { logLevelOf } from './errors.js';

export class PeriodicLoop {
  readonly #everyMs: number;
  readonly #work: () => Promise<void>;
  readonly #log: Logger;
  #state: 'idle' | 'started' | 'stopped' = 'idle';
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(everyMs: number, work: () => Promise<void>, log: Logger) {
    this.#everyMs = everyMs;
    // Turn a synchronous throw into a rejection too.
    this.#work = async () => work();
    this.#log = log;
  }

  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'started';
    this.wake();
  }

  /** Waits for the work in progress. May be called twice. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#clearTimer();
    await this.#running;
  }

  /** Runs now, or once more after the run in progress. */
  wake(): void {
    void this.pass();
  }

  /** Runs again in at most `ms` milliseconds. */
  wakeIn(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#state !== 'started' || dueAt >= this.#dueAt) return;
    this.#clearTimer();
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.wake(), ms);
  }

  /** Resolves after a run that began after this call. Does nothing if not started. */
  pass(): Promise<void> {
    if (this.#state !== 'started') return Promise.resolve();
    if (this.#running === null) {
      this.#running = this.#run();
      return this.#running;
    }
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      return this.pass();
    });
    return this.#next;
  }

  async #run(): Promise<void> {
    this.#clearTimer();
    try {
      await this.#work();
    } catch (error) {
      this.#log[logLevelOf(error)]({ err: error }, 'a background task failed; it will run again');
    } finally {
      this.#running = null;
      this.wakeIn(this.#everyMs);
    }
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }
}
