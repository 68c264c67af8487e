/**
 * Requests that were read last, kept in memory: those of the jobs that are looked at again and again. Only for a store
 * that no other process writes to.
 *
 * What is kept is always what is stored: a read that began before a write ended keeps nothing. It is never what a
 * client sent: a string in that may be a slice of the whole body, and keep all of it.
 */
import { LRUCache } from 'lru-cache';
import type { StoredRequest } from './job-rows.js';

const MAX_KEPT_BYTES = 10 * 1024 * 1024;
/** What a character of the text takes in memory once it is parsed, at most. */
const BYTES_PER_CHARACTER = 4;

export class RecentRequests {
  readonly #kept = new LRUCache<string, StoredRequest>({
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: ({ characters }) => BYTES_PER_CHARACTER * characters,
  });
  #writes = 0;

  get(id: string): StoredRequest | undefined {
    return this.#kept.get(id);
  }

  /** @param readMissing gives those of the store */
  async read(
    ids: readonly string[],
    readMissing: (ids: readonly string[]) => Promise<ReadonlyMap<string, StoredRequest>>,
  ): Promise<ReadonlyMap<string, StoredRequest>> {
    const found = new Map<string, StoredRequest>();
    for (const id of ids) {
      const kept = this.#kept.get(id);
      if (kept !== undefined) found.set(id, kept);
    }
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    const writes = this.#writes;
    for (const [id, stored] of await readMissing(missing)) {
      found.set(id, stored);
      if (writes === this.#writes) this.#kept.set(id, stored);
    }
    return found;
  }

  /** These are others now, or gone. */
  forget(ids: readonly string[]): void {
    this.#writes += 1;
    for (const id of ids) this.#kept.delete(id);
  }
}
