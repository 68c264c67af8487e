/**
 * Keeps recently read or changed jobs in memory, for queries right after a submit, new followers, callbacks and first
 * pages of lists. Only for a store that no other process writes to.
 *
 * The kept jobs always equal the stored ones. So a change is only applied to the version that it was made from, and a
 * read that began before a write ended is not kept, because it may have seen the previous state.
 */
import { LRUCache } from 'lru-cache';
import type { Change, Job } from '../jobs/job.js';

/** Jobs; one takes some 2 KB. */
const MAX_KEPT = 5000;

export class RecentJobs {
  readonly #jobs = new LRUCache<string, Job>({
    max: MAX_KEPT,
    dispose: (job) => this.#idByToken.delete(job.callbackToken),
    noDisposeOnSet: true,
  });
  readonly #idByToken = new Map<string, string>();
  #writes = 0;

  get(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  getByCallbackToken(token: string): Job | undefined {
    const id = this.#idByToken.get(token);
    return id === undefined ? undefined : this.#jobs.get(id);
  }

  /** Keeps what `find` reads from the store. */
  async read(find: Promise<Job | null>): Promise<Job | null> {
    const [job = null] = await this.readAll(find.then((found) => (found === null ? [] : [found])));
    return job;
  }

  /** Like `read`, for several jobs. */
  async readAll(find: Promise<readonly Job[]>): Promise<readonly Job[]> {
    const writes = this.#writes;
    const jobs = await find;
    if (writes === this.#writes) for (const job of jobs) this.#keep(job);
    return jobs;
  }

  /** Call it after these jobs were stored in exactly this state. */
  stored(jobs: readonly Job[]): void {
    this.#writes += 1;
    for (const job of jobs) this.#keep(job);
  }

  changed({ job, changes }: Change): void {
    this.#writes += 1;
    const kept = this.#jobs.get(job.id);
    if (kept?.version === job.version - 1) this.#keep({ ...kept, ...changes });
    else this.#jobs.delete(job.id);
  }

  /** Call it after these jobs changed without a new version, or were deleted. */
  forget(ids: readonly string[]): void {
    this.#writes += 1;
    for (const id of ids) this.#jobs.delete(id);
  }

  forgetAll(): void {
    this.#writes += 1;
    this.#jobs.clear();
  }

  #keep(job: Job): void {
    this.#jobs.set(job.id, job);
    this.#idByToken.set(job.callbackToken, job.id);
  }
}
