/**
 * Texts of requests that were read last, kept in memory: those of the jobs that are looked at again and again. Only for
 * a store that no other process writes to.
 *
 * What is kept is always what is stored: a read that began before a write ended keeps nothing.
 */
import { LRUCache } from 'lru-cache';

const MAX_KEPT_BYTES = 10 * 1024 * 1024;
/** What a character takes in memory, at most. */
const BYTES_PER_CHARACTER = 2;

export class RecentRequests {
  readonly #texts = new LRUCache<string, string>({
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: (text) => BYTES_PER_CHARACTER * text.length,
  });
  #writes = 0;

  /** @param readMissing gives those of the store */
  async read(
    ids: readonly string[],
    readMissing: (ids: readonly string[]) => Promise<ReadonlyMap<string, string>>,
  ): Promise<ReadonlyMap<string, string>> {
    const texts = new Map<string, string>();
    for (const id of ids) {
      const text = this.#texts.get(id);
      if (text !== undefined) texts.set(id, text);
    }
    const missing = ids.filter((id) => !texts.has(id));
    if (missing.length === 0) return texts;
    const writes = this.#writes;
    for (const [id, text] of await readMissing(missing)) {
      texts.set(id, text);
      if (writes === this.#writes) this.#texts.set(id, text);
    }
    return texts;
  }

  /** These are others now, or gone. */
  forget(ids: readonly string[]): void {
    this.#writes += 1;
    for (const id of ids) this.#texts.delete(id);
  }
}
