/**
 * Group commit: writes that arrive together share one transaction, and so one fsync.
 *
 * A batch is whatever arrived while the batch before was being committed; or, where nothing was, while one write
 * after the other kept arriving. When one write of a batch throws, the whole batch is rolled back and its writes
 * are run again one by one, so a failure stays its own.
 */
import { setImmediate } from 'node:timers/promises';

export interface Transactor<Transaction> {
  /** Runs `work` in one transaction; commits when it resolves, rolls back when it rejects. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
}

interface Write<Transaction> {
  readonly work: (transaction: Transaction) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * For more writes to arrive, in milliseconds. Nobody waits when none do; when they keep coming, the process is
 * busy reading them, and would otherwise stop for a commit after every few.
 */
const LONGEST_GATHERING_MS = 10;

export class CommitQueue<Transaction> {
  readonly #database: Transactor<Transaction>;
  readonly #mostWrites: number;
  #pending: Write<Transaction>[] = [];
  #running: Promise<void> | null = null;

  /** @param mostWrites that one transaction holds, so that others get their turn */
  constructor(database: Transactor<Transaction>, mostWrites: number) {
    this.#database = database;
    this.#mostWrites = mostWrites;
  }

  /**
   * Resolves with what `work` gave, once that is durable. `work` may run twice; only the last run counts.
   */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ work, resolve: resolve as (value: unknown) => void, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is left to write. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    await this.#gather();
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, this.#mostWrites);
      await this.#commit(batch);
    }
    this.#running = null;
  }

  /** Turn by turn of the event loop, for as long as each brings more. */
  async #gather(): Promise<void> {
    const until = performance.now() + LONGEST_GATHERING_MS;
    let gathered: number;
    do {
      gathered = this.#pending.length;
      await setImmediate();
    } while (
      this.#pending.length > gathered &&
      this.#pending.length < this.#mostWrites &&
      performance.now() < until
    );
  }

  async #commit(batch: readonly Write<Transaction>[]): Promise<void> {
    try {
      const values = await this.#database.transaction(async (transaction) => {
        const results: unknown[] = [];
        for (const { work } of batch) results.push(await work(transaction));
        return results;
      });
      batch.forEach(({ resolve }, i) => {
        resolve(values[i]);
      });
    } catch (error) {
      const [only] = batch;
      if (only !== undefined && batch.length === 1) only.reject(error);
      else for (const write of batch) await this.#commit([write]);
    }
  }
}
