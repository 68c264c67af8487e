/**
 * Batches lookups by job id. Calls made before the pending promises are done share reads, and so do calls made
 * while a read is in progress. So a query that selects the same field of hundreds of jobs reads once, or a few
 * times, instead of once per job.
 */
import { setImmediate } from 'node:timers/promises';

interface Read<Value> {
  readonly ids: Set<string>;
  readonly values: Promise<ReadonlyMap<string, Value>>;
}

export class SharedReads<Value> {
  readonly #readAll: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  readonly #maxIds: number;
  readonly #areSideBySide: boolean;
  /** The reads that have not begun, by the ids that they will read. */
  readonly #waiting = new Map<string, Read<Value>>();
  /** The read to which more ids can be added. */
  #next: Read<Value> | null = null;
  /** The last unfinished read; the next one waits for it. */
  #last: Read<Value> | null = null;

  /**
   * @param maxIds per read. The values of one read are added to the answer without interruption; other requests are
   *   served between two reads
   * @param areSideBySide whether a read may begin before the one before it has ended
   */
  constructor(
    readAll: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
    maxIds = Number.POSITIVE_INFINITY,
    areSideBySide = false,
  ) {
    this.#readAll = readAll;
    this.#maxIds = maxIds;
    this.#areSideBySide = areSideBySide;
  }

  /** Returns the value as of this call or later; null if the job has none. */
  async of(id: string): Promise<Value | null> {
    const { values } = this.#waiting.get(id) ?? this.#join(id);
    return (await values).get(id) ?? null;
  }

  #join(id: string): Read<Value> {
    const read = this.#next !== null && this.#next.ids.size < this.#maxIds ? this.#next : this.#open();
    read.ids.add(id);
    this.#waiting.set(id, read);
    return read;
  }

  #open(): Read<Value> {
    const ids = new Set<string>();
    const read = { ids, values: this.#read(ids, this.#areSideBySide ? undefined : this.#last?.values) };
    this.#next = read;
    this.#last = read;
    return read;
  }

  async #read(
    ids: ReadonlySet<string>,
    before: Promise<unknown> | undefined,
  ): Promise<ReadonlyMap<string, Value>> {
    try {
      try {
        // If it fails, those waiting behind it fail too, because they have waited long enough.
        await before;
        await (before === undefined ? promisesDone() : setImmediate());
      } finally {
        for (const id of ids) this.#waiting.delete(id);
        if (this.#next?.ids === ids) this.#next = null;
      }
      return await this.#readAll([...ids]);
    } finally {
      if (this.#last?.ids === ids) this.#last = null;
    }
  }
}

/**
 * Resolves once the promises that are pending now are done, still in this turn of the event loop. In the next turn, the
 * halves of all answers that are being made would be in memory at the same time, and outlive a collection of garbage.
 */
async function promisesDone(): Promise<void> {
  await Promise.resolve();
  await new Promise<void>((resolve) => process.nextTick(resolve));
}
