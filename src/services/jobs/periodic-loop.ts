/**
 * Work that is done again and again: at least every so often, at once when woken, never twice at a time.
 *
 * Waking while the work runs makes it run once more afterwards, so nothing that happened before a wake is
 * overlooked. A failure is logged and the loop goes on.
 */
import type { Logger } from 'pino';
import { logLevelOf } from '../../errors.js';

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
    // A failure is a rejection, also of work that throws before it has begun.
    this.#work = async () => work();
    this.#log = log;
  }

  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'started';
    this.wake();
  }

  /** Waits for the work under way. Safe to call twice. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#clearTimer();
    await this.#running;
  }

  /** Works now, or once more after what is under way. */
  wake(): void {
    void this.pass();
  }

  /** Works again no later than in so many milliseconds. */
  wakeIn(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#state !== 'started' || dueAt >= this.#dueAt) return;
    this.#clearTimer();
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.wake(), ms);
  }

  /** Resolves after a run that began after this call. Does nothing unless started. */
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
      this.#log[logLevelOf(error)]({ err: error }, 'a background task failed; it goes on');
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
