/**
 * Group commit: writes that arrive together share one transaction, and so one fsync.
 *
 * A batch contains the writes that arrived during the previous commit or, if there was none, while writes kept arriving
 * one after the other. If a write of a batch throws, the whole batch is rolled back and its writes are repeated one by
 * one, so that the failure affects no other write. If the database failed, all are repeated a few times.
 *
 * A write that takes too long is rejected, and its batch commits without it. Once its commit has begun, it is rejected
 * with an OutcomeUnknownError.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { OutcomeUnknownError, TooLateError } from './unavailable.js';

export interface Transactor<Transaction> {
  /**
   * Runs `work` in one transaction; commits when it resolves, rolls back when it rejects.
   *
   * Rejects if definitely nothing was committed; otherwise with an OutcomeUnknownError.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Whether the error is not caused by a write, so that the same writes may succeed in a moment. */
  mayPass(error: unknown): boolean;
}

interface CommitQueueOptions {
  /** The maximum number of writes per transaction, so that others get their turn. */
  readonly mostWrites: number;
  /** The time limit of a write, from the call on, in milliseconds; null: no limit. */
  readonly timeoutMs: number | null;
}

export interface WriteOptions {
  /** Aborts when the caller stops waiting; replaces the queue's time limit. */
  readonly until?: AbortSignal;
}

/**
 * How long to collect writes, in milliseconds. There is no wait if none arrive. While they keep arriving, the process
 * is busy reading them, and would otherwise commit after every few.
 */
const MAX_GATHERING_MS = 10;
/** The pause before each retry. */
const PAUSES_MS = [20, 100, 500];

export class CommitQueue<Transaction> {
  readonly #database: Transactor<Transaction>;
  readonly #options: CommitQueueOptions;
  readonly #pending = new Set<Write<Transaction>>();
  #running: Promise<void> | null = null;

  constructor(database: Transactor<Transaction>, options: CommitQueueOptions) {
    this.#database = database;
    this.#options = options;
  }

  /**
   * Resolves with the result of `work` once it is durable. `work` may run several times; only the last run counts.
   *
   * @throws TooLateError, OutcomeUnknownError
   */
  write<T>(work: (transaction: Transaction) => Promise<T>, { until }: WriteOptions = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const write = new Write(work, resolve as (value: unknown) => void, (reason) => {
        // A commit may last as long as the database is unavailable; abandoned writes must not accumulate behind it.
        this.#pending.delete(write);
        reject(reason);
      });
      if (until !== undefined) write.expireWith(until);
      else if (this.#options.timeoutMs !== null) write.expireAfter(this.#options.timeoutMs);
      if (!write.isOver) this.#pending.add(write);
      this.#running ??= this.#run();
    });
  }

  /** Resolves when all writes are done. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    await this.#gather();
    while (this.#pending.size > 0) {
      const batch = [...this.#pending].slice(0, this.#options.mostWrites);
      for (const write of batch) this.#pending.delete(write);
      await this.#commit(batch);
    }
    this.#running = null;
  }

  /** Waits turn by turn of the event loop, as long as each turn brings more writes. */
  async #gather(): Promise<void> {
    const until = performance.now() + MAX_GATHERING_MS;
    let gathered: number;
    do {
      gathered = this.#pending.size;
      await setImmediate();
    } while (
      this.#pending.size > gathered &&
      this.#pending.size < this.#options.mostWrites &&
      performance.now() < until
    );
  }

  async #commit(all: readonly Write<Transaction>[]): Promise<void> {
    for (let failures = 0; ; ) {
      const batch = all.filter(({ isOver }) => !isOver);
      if (batch.length === 0) return;
      try {
        const values = await this.#database.transaction(async (transaction) => {
          const results: unknown[] = [];
          for (const { work } of batch) results.push(await work(transaction));
          for (const write of batch) write.beginCommit();
          return results;
        });
        batch.forEach((write, i) => {
          write.resolve(values[i]);
        });
        return;
      } catch (error) {
        for (const write of batch) write.isCommitting = false;
        if (error instanceof TooLateError) continue;
        const pauseMs = PAUSES_MS[failures];
        const mayPass = this.#database.mayPass(error);
        if (mayPass && pauseMs !== undefined) {
          failures += 1;
          await sleep(pauseMs);
        } else if (mayPass || error instanceof OutcomeUnknownError || batch.length === 1) {
          for (const write of batch) write.reject(error);
          return;
        } else {
          for (const write of batch) await this.#commit([write]);
          return;
        }
      }
    }
  }
}

/** One write and its caller. */
class Write<Transaction> {
  readonly work: (transaction: Transaction) => Promise<unknown>;
  /** Whether its caller no longer waits for it. */
  isOver = false;
  isCommitting = false;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (reason: unknown) => void;
  #forgetLimit = (): void => {};

  constructor(
    work: (transaction: Transaction) => Promise<unknown>,
    resolve: (value: unknown) => void,
    reject: (reason: unknown) => void,
  ) {
    this.work = work;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  expireAfter(ms: number): void {
    const timer = setTimeout(() => this.#expire(), ms);
    this.#forgetLimit = () => clearTimeout(timer);
  }

  expireWith(signal: AbortSignal): void {
    const expire = (): void => this.#expire();
    if (signal.aborted) expire();
    signal.addEventListener('abort', expire, { once: true });
    this.#forgetLimit = () => signal.removeEventListener('abort', expire);
  }

  /** @throws TooLateError */
  beginCommit(): void {
    if (this.isOver) throw new TooLateError();
    this.isCommitting = true;
  }

  resolve(value: unknown): void {
    this.#end();
    this.#resolve(value);
  }

  reject(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  #expire(): void {
    this.reject(this.isCommitting ? new OutcomeUnknownError(null) : new TooLateError());
  }

  #end(): void {
    this.isOver = true;
    this.#forgetLimit();
  }
}
