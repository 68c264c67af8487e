/**
 * Batches lookups by job id. Calls within one turn of the event loop share one read, and so do calls made
 * while a read is in progress. So a query that selects the same field of hundreds of jobs reads once, or
 * twice if it has one list after another, instead of once per job.
 */
import { setImmediate } from 'node:timers/promises';

interface Read<Value> {
  readonly ids: Set<string>;
  readonly values: Promise<ReadonlyMap<string, Value>>;
}

export class SharedReads<Value> {
  readonly #readAll: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  /** The read that has not begun yet. */
  #next: Read<Value> | null = null;
  #underWay: Promise<unknown> | null = null;

  constructor(readAll: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>) {
    this.#readAll = readAll;
  }

  /** Returns the value as of this call or later; null if the job has none. */
  async of(id: string): Promise<Value | null> {
    this.#next ??= this.#begin();
    this.#next.ids.add(id);
    return (await this.#next.values).get(id) ?? null;
  }

  #begin(): Read<Value> {
    const ids = new Set<string>();
    return { ids, values: this.#read(ids) };
  }

  async #read(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, Value>> {
    try {
      // If it fails, those waiting behind it fail too, because they have waited long enough.
      await this.#underWay;
      await setImmediate();
    } finally {
      this.#next = null;
    }
    const values = this.#readAll([...ids]);
    this.#underWay = values;
    try {
      return await values;
    } finally {
      this.#underWay = null;
    }
  }
}
