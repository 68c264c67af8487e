/**
 * Reads for a follower, and retries each read until it succeeds, because a database outage must not end a
 * subscription.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../../backoff.js';
import { isStoreUnavailable } from '../../errors.js';

interface ReadingOptions<Value> {
  /** @param id what to read: for example a job's id */
  readonly read: (id: string) => Promise<Value>;
  readonly take: (value: Value) => void;
  /** Called if something cannot be read for a reason other than a database outage. Reading then stops. */
  readonly fail: (reason: unknown) => void;
  /** The maximum number of concurrent reads. */
  readonly parallel: number;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5000;
/** In a row, except failures caused by an outage, which are retried without limit. */
const MAX_FAILURES = 10;

export class Reading<Value> {
  readonly #options: ReadingOptions<Value>;
  readonly #wanted = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #backoff = new Backoff({ firstMs: FIRST_RETRY_MS, mostMs: MAX_RETRY_MS });
  #underWay = 0;
  #failures = 0;

  constructor(options: ReadingOptions<Value>) {
    this.#options = options;
  }

  /** Starts a read after this call, so that it sees everything stored before the call. */
  want(id: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#wanted.add(id);
    if (this.#underWay < this.#options.parallel) void this.#readWanted();
  }

  /** Takes back what is wanted and not being read. */
  forget(id: string): void {
    this.#wanted.delete(id);
  }

  /** May be called twice. */
  stop(): void {
    this.#stopping.abort();
    this.#wanted.clear();
  }

  async #readWanted(): Promise<void> {
    const { read, take } = this.#options;
    const { signal } = this.#stopping;
    this.#underWay += 1;
    for (const id of this.#wanted) {
      this.#wanted.delete(id);
      try {
        const value = await read(id);
        if (signal.aborted) break;
        this.#failures = 0;
        this.#backoff.reset();
        take(value);
      } catch (error) {
        await this.#again(id, error);
      }
      // SQLite answers within the same turn of the event loop, in which thousands of reads would block everyone.
      if (this.#wanted.size > 0) await setImmediate();
    }
    this.#underWay -= 1;
  }

  async #again(id: string, error: unknown): Promise<void> {
    if (!isStoreUnavailable(error)) this.#failures += 1;
    if (this.#failures >= MAX_FAILURES) {
      this.stop();
      this.#options.fail(error);
    }
    const { signal } = this.#stopping;
    await sleep(this.#backoff.next(), undefined, { signal }).catch(() => {});
    if (!signal.aborted) this.#wanted.add(id);
  }
}
