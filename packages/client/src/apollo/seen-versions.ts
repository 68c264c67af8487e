import { deletedIdsIn, type JobState, jobsIn } from './jobs-in.js';

/** Those seen longest ago are forgotten first. */
const MAX_SEEN_JOBS = 10_000;

/** The newest version of each job that has passed. */
export class SeenVersions {
  readonly #versions = new Map<string, number>();

  isNewerThan({ id, version }: JobState): boolean {
    return (this.#versions.get(id) ?? 0) > version;
  }

  /** Notes every job in an answer, and every deletion, after which no state of the job is new. */
  note(data: unknown): void {
    for (const { id, version } of jobsIn(data)) this.#set(id, version);
    for (const id of deletedIdsIn(data)) this.#set(id, Number.POSITIVE_INFINITY);
  }

  #set(id: string, version: number): void {
    const newest = Math.max(version, this.#versions.get(id) ?? 0);
    this.#versions.delete(id);
    this.#versions.set(id, newest);
    if (this.#versions.size <= MAX_SEEN_JOBS) return;
    const [oldest] = this.#versions.keys();
    if (oldest !== undefined) this.#versions.delete(oldest);
  }
}
