/**
 * Places in the queue, for one caller at a time: whoever asks within one turn of the event loop shares one read, and
 * so does whoever asks while a read is under way. A query for the places of hundreds of jobs looks through the queue
 * once, or twice where its lists come one after the other, and not once for each job.
 */
import { setImmediate } from 'node:timers/promises';
import type { Job } from './job.js';
import type { JobService } from './job-service.js';

interface Read {
  readonly ids: Set<string>;
  readonly positions: Promise<ReadonlyMap<string, number>>;
}

export class PositionReads {
  readonly #jobs: Pick<JobService, 'queuePositions'>;
  /** The one that has not begun. */
  #next: Read | null = null;
  #underWay: Promise<unknown> | null = null;

  constructor(jobs: Pick<JobService, 'queuePositions'>) {
    this.#jobs = jobs;
  }

  /** 1 is the next to be sent. Null for a job that does not wait. */
  async of({ id, status }: Pick<Job, 'id' | 'status'>): Promise<number | null> {
    if (status !== 'WAITING') return null;
    this.#next ??= this.#begin();
    this.#next.ids.add(id);
    return (await this.#next.positions).get(id) ?? null;
  }

  #begin(): Read {
    const ids = new Set<string>();
    return { ids, positions: this.#read(ids) };
  }

  async #read(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
    try {
      // When it fails, so do those who wait behind it: they have waited for long enough.
      await this.#underWay;
      await setImmediate();
    } finally {
      this.#next = null;
    }
    const positions = this.#jobs.queuePositions([...ids]);
    this.#underWay = positions;
    try {
      return await positions;
    } finally {
      this.#underWay = null;
    }
  }
}
