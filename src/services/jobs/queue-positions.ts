/**
 * Tells followers of waiting jobs how the queue moves.
 *
 * A position is not stored with every move: with thousands waiting, each finished job would cost thousands
 * of writes. Instead, when the queue has moved, the jobs that somebody follows on this instance are looked
 * at together, at most twice a second, and one of them gets a new version only when its position changed by
 * a tenth of itself or more. So the front of the queue moves step by step and the far end in strides, and a
 * finished job costs a number of writes that grows with the logarithm of the queue's length.
 * `job.queuePosition` itself is always counted at the moment it is asked for.
 */
import type { Logger } from 'pino';
import type { JobBus } from '../bus/job-bus.js';
import type { JobStore } from '../store/job-store.js';
import type { JobStatus } from './job.js';
import type { Clock, JobService } from './job-service.js';

/** Where a change of the queue shows: a job that left it, or one that came back to its front. */
const MOVES_THE_QUEUE: ReadonlySet<JobStatus> = new Set(['SUBMITTING', 'CANCELED', 'FAILED', 'WAITING']);

export class QueuePositions {
  readonly #store: JobStore;
  readonly #bus: JobBus;
  readonly #jobs: JobService;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #everyMs: number;
  #told = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #unsubscribe: (() => void) | null = null;

  constructor(parts: {
    readonly store: JobStore;
    readonly bus: JobBus;
    readonly jobs: JobService;
    readonly clock: Clock;
    readonly log: Logger;
    /** Least time between two looks, in milliseconds. */
    readonly everyMs: number;
  }) {
    this.#store = parts.store;
    this.#bus = parts.bus;
    this.#jobs = parts.jobs;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#everyMs = parts.everyMs;
  }

  start(): void {
    this.#unsubscribe ??= this.#jobs.onChange((job) => {
      if (MOVES_THE_QUEUE.has(job.status) && job.version > 1) this.#schedule();
    });
  }

  /** Safe to call twice. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#running;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#running = (this.#running ?? Promise.resolve())
        .then(() => this.#tell())
        .catch((error: unknown) => this.#log.error({ err: error }, 'queue positions could not be told'));
    }, this.#everyMs);
  }

  async #tell(): Promise<void> {
    const positions = await this.#store.queuePositions(this.#bus.followedJobs());
    const told = new Map<string, number>();
    const news: Promise<unknown>[] = [];
    for (const [id, position] of positions) {
      const before = this.#told.get(id);
      const moved = before === undefined || Math.abs(before - position) >= Math.max(1, position / 10);
      told.set(id, moved ? position : before);
      if (moved) news.push(this.#jobs.apply(id, { type: 'moved', at: this.#clock.now(), position }));
    }
    this.#told = told;
    await Promise.all(news);
  }
}
