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
import { PeriodicLoop } from './periodic-loop.js';

/** Where a change of the queue shows: a job that left it, or one that came back to its front. */
const MOVES_THE_QUEUE: ReadonlySet<JobStatus> = new Set(['SUBMITTING', 'CANCELED', 'FAILED', 'WAITING']);

export class QueuePositions {
  readonly #store: Pick<JobStore, 'queuePositions'>;
  readonly #bus: Pick<JobBus, 'followedJobs'>;
  readonly #jobs: JobService;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #loop: PeriodicLoop;
  #told = new Map<string, number>();
  /** Since the last look, as far as this instance knows. */
  #hasMoved = false;
  #unsubscribe: (() => void) | null = null;

  constructor(parts: {
    readonly store: Pick<JobStore, 'queuePositions'>;
    readonly bus: Pick<JobBus, 'followedJobs'>;
    readonly jobs: JobService;
    readonly clock: Clock;
    readonly log: Logger;
    /** From a move of the queue until it is told, in milliseconds: what moves meanwhile is told together. */
    readonly everyMs: number;
    /** What others did to the queue, and nothing here tells of, is seen no later than this, in milliseconds. */
    readonly lookEveryMs: number;
  }) {
    this.#store = parts.store;
    this.#bus = parts.bus;
    this.#jobs = parts.jobs;
    this.#clock = parts.clock;
    this.#everyMs = parts.everyMs;
    this.#loop = new PeriodicLoop(parts.lookEveryMs, () => this.#tell(), parts.log);
  }

  start(): void {
    this.#unsubscribe ??= this.#jobs.onChange((job) => {
      if (!MOVES_THE_QUEUE.has(job.status) || job.version === 1) return;
      this.#hasMoved = true;
      this.#loop.wakeIn(this.#everyMs);
    });
    this.#loop.start();
  }

  /** Safe to call twice. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    await this.#loop.stop();
  }

  async #tell(): Promise<void> {
    const hasMoved = this.#hasMoved;
    this.#hasMoved = false;
    const positions = await this.#store.queuePositions(this.#bus.followedJobs());
    const told = new Map<string, number>();
    const news: Promise<unknown>[] = [];
    for (const [id, position] of positions) {
      // A new follower was given the position of that moment; without a move there is nothing to add.
      const before = this.#told.get(id) ?? (hasMoved ? undefined : position);
      const moved = before === undefined || Math.abs(before - position) >= Math.max(1, position / 10);
      told.set(id, moved ? position : before);
      if (moved) news.push(this.#jobs.apply(id, { type: 'moved', at: this.#clock.now(), position }));
    }
    this.#told = told;
    await Promise.all(news);
  }
}
