/**
 * Announces to followers of waiting jobs how the queue moves, and when dispatch is held or resumes.
 *
 * Positions are not stored with every move: with thousands of waiting jobs, each finished job would cost thousands of
 * writes. Instead, when the queue has moved, the jobs followed on this instance are checked together, at most twice a
 * second, and a job gets a new version only if its position changed by a tenth or more. So positions change step by
 * step at the front of the queue and in larger steps at its end, and a finished job costs a number of writes that grows
 * with the logarithm of the queue's length. `job.queuePosition` and `job.waitingReason` are always looked up when they
 * are selected.
 *
 * Followers of a tenant's changes are told of their first hundred waiting jobs in the same steps, without a new version.
 *
 * An account hold is announced the same way: to the jobs followed here, a few hundred a second, and not to the
 * thousands without followers.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import { FIRST_VERSION, type JobStatus } from '../jobs/job.js';
import type { JobBus } from '../jobs/job-bus.js';
import type { JobService } from '../jobs/job-service.js';
import type { JobStore } from '../jobs/job-store.js';
import { hasMovedFar } from '../jobs/queue-stride.js';
import { MAX_TOLD_POSITIONS } from '../jobs/tenant-changes.js';
import type { AccountHolds } from './account-holds.js';

/** Statuses that indicate a move of the queue: a job left it, or came back to its front. */
const MOVES_THE_QUEUE: ReadonlySet<JobStatus> = new Set(['SUBMITTING', 'CANCELED', 'FAILED', 'WAITING']);

/** The maximum number of jobs that get a new version in one pass. */
const MAX_TOLD_AT_ONCE = 200;

/** What was last announced to followers of a job. */
interface Told {
  readonly position: number;
  /** `AccountHold.since` of a hold that blocks dispatch. */
  readonly hold: number | null;
}

export class QueuePositions {
  readonly #store: Pick<JobStore, 'queuePositions' | 'firstInQueue'>;
  readonly #bus: Pick<JobBus, 'followedJobs'>;
  readonly #jobs: JobService;
  readonly #holds: Pick<AccountHolds, 'present'>;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #loop: PeriodicLoop;
  #told = new Map<string, Told>();
  /** Since the last pass, as far as this instance knows. */
  #hasMoved = false;
  #unsubscribe: (() => void) | null = null;

  constructor(parts: {
    readonly store: Pick<JobStore, 'queuePositions' | 'firstInQueue'>;
    readonly bus: Pick<JobBus, 'followedJobs'>;
    readonly jobs: JobService;
    readonly holds: Pick<AccountHolds, 'present'>;
    readonly clock: Clock;
    readonly log: Logger;
    /**
     * The delay from a move of the queue to its announcement, in milliseconds; moves in between are announced
     * together.
     */
    readonly everyMs: number;
    /** The interval for detecting moves made by other instances, in milliseconds. */
    readonly lookEveryMs: number;
  }) {
    this.#store = parts.store;
    this.#bus = parts.bus;
    this.#jobs = parts.jobs;
    this.#holds = parts.holds;
    this.#clock = parts.clock;
    this.#everyMs = parts.everyMs;
    this.#loop = new PeriodicLoop(parts.lookEveryMs, () => this.#tell(), parts.log);
  }

  start(): void {
    this.#unsubscribe ??= this.#jobs.onChange((job) => {
      if (!MOVES_THE_QUEUE.has(job.status) || job.version === FIRST_VERSION) return;
      this.#hasMoved = true;
      this.#loop.wakeIn(this.#everyMs);
    });
    this.#loop.start();
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    await this.#loop.stop();
  }

  async #tell(): Promise<void> {
    const hasMoved = this.#hasMoved;
    this.#hasMoved = false;
    const present = await this.#holds.present();
    const hold = present?.blocks ? present : null;
    const followed = this.#bus.followedJobs();
    const tenants = this.#jobs.tenantsFollowingChanges();
    const ofTenants = await this.#store.firstInQueue(tenants, MAX_TOLD_POSITIONS);
    for (const tenant of tenants) this.#jobs.tellPositions(tenant, ofTenants.get(tenant) ?? new Map());
    const positions = await this.#store.queuePositions(followed);
    const told = new Map<string, Told>();
    const news: Promise<unknown>[] = [];
    for (const id of followed) {
      const position = positions.get(id);
      if (position === undefined) continue;
      const before = this.#told.get(id);
      const now = { position, hold: hold?.since ?? null };
      // A new follower has just got the current state, so without a move there is nothing to announce.
      if (!isNews(before ?? { position: hasMoved ? null : position, hold: null }, now)) {
        told.set(id, before ?? now);
      } else if (news.length < MAX_TOLD_AT_ONCE) {
        told.set(id, now);
        news.push(this.#jobs.apply(id, { type: 'moved', at: this.#clock.now(), position, hold }));
      } else {
        if (before !== undefined) told.set(id, before);
        this.#hasMoved = true;
        this.#loop.wakeIn(this.#everyMs);
      }
    }
    this.#told = told;
    await Promise.all(news);
  }
}

function isNews(
  before: { readonly position: number | null; readonly hold: number | null },
  now: Told,
): boolean {
  return before.hold !== now.hold || before.position === null || hasMovedFar(before.position, now.position);
}
