/**
 * Keeps recently stored or read requests in memory, for jobs that are sent or queried. Only for a store that no other
 * process writes to.
 *
 * The kept requests always equal the stored ones: a read that began before a write ended is not kept. Objects that a
 * client sent are copied, because their strings may be slices of the whole body, and would retain all of it.
 */
import { LRUCache } from 'lru-cache';
import type { JobRequest } from '../jobs/job-request.js';
import { type StoredRequest, toStored } from './job-rows.js';

const MAX_KEPT_BYTES = 10 * 1024 * 1024;
/** The maximum memory per character of the text, once parsed. */
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

  /** @param readMissing reads from the database */
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

  /** Keeps the request of a new job. */
  created(id: string, request: JobRequest): void {
    this.#kept.set(id, toStored(JSON.stringify(request)));
  }

  /** Call it after these requests changed or were deleted. */
  forget(ids: readonly string[]): void {
    this.#writes += 1;
    for (const id of ids) this.#kept.delete(id);
  }
}
