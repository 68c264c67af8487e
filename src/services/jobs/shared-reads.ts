/**
 * What is looked up by the ids of jobs, read together: whoever asks within one turn of the event loop shares one read,
 * and so does whoever asks while a read is under way. So a query that asks the same of hundreds of jobs reads once, or
 * twice where its lists come one after the other, and not once for each job.
 */
import { setImmediate } from 'node:timers/promises';

interface Read<Value> {
  readonly ids: Set<string>;
  readonly values: Promise<ReadonlyMap<string, Value>>;
}

export class SharedReads<Value> {
  readonly #readAll: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  /** The one that has not begun. */
  #next: Read<Value> | null = null;
  #underWay: Promise<unknown> | null = null;

  constructor(readAll: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>) {
    this.#readAll = readAll;
  }

  /** As it is after this call. Null for a job of which there is none. */
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
      // When it fails, so do those who wait behind it: they have waited for long enough.
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
