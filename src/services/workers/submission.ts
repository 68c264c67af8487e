/**
 * Handles a submit: stores the job, offers it to the dispatcher, and, if a slot was free, waits until Akool
 * has answered too, so that the client learns the outcome in one round trip.
 */
import { inTime } from '../../in-time.js';
import type { Job } from '../jobs/job.js';
import type { JobRequest } from '../jobs/job-request.js';
import type { JobService } from '../jobs/job-service.js';
import { type Labels, NO_LABELS } from '../jobs/labels.js';
import type { Dispatcher } from './dispatcher.js';

export interface Submitted {
  readonly job: Job;
  /** The idempotency key already belonged to this job; nothing new was stored. */
  readonly deduplicated: boolean;
}

export class Submission {
  readonly #jobs: JobService;
  readonly #dispatcher: Pick<Dispatcher, 'pass'>;
  /** How long the answer waits for Akool's, in milliseconds from the request on. */
  readonly #waitMs: number;

  constructor(parts: {
    readonly jobs: JobService;
    readonly dispatcher: Pick<Dispatcher, 'pass'>;
    readonly waitMs: number;
  }) {
    this.#jobs = parts.jobs;
    this.#dispatcher = parts.dispatcher;
    this.#waitMs = parts.waitMs;
  }

  /** @throws see `JobService.create` */
  async submit(
    tenant: string,
    request: JobRequest,
    idempotencyKey: string | null,
    labels: Labels = NO_LABELS,
    uploadNames: readonly string[] = [],
  ): Promise<Submitted> {
    const until = performance.now() + this.#waitMs;
    const { job, deduplicated } = await this.#jobs.create(
      tenant,
      request,
      idempotencyKey,
      labels,
      uploadNames,
    );
    return { job: await this.#answered(job, until), deduplicated };
  }

  /** Returns the job once it waits for a slot, Akool has answered, or the time is up. Never rejects. */
  async #answered(job: Job, until: number): Promise<Job> {
    const leftMs = until - performance.now();
    if (leftMs <= 0 || !isUndecided(job)) return job;
    let newest = job;
    let isTimeUp = false;
    let leave = (): void => {};
    const follow = async (): Promise<void> => {
      await this.#dispatcher.pass();
      if (isTimeUp) return;
      const states = await this.#jobs.watch(job.tenant, job.id);
      leave = () => void states.return?.().catch(() => {});
      if (isTimeUp) leave();
      for await (const state of states) {
        newest = state;
        // A job that the pass did not lease, or that was given back, waits for a slot.
        if (state.status !== 'SUBMITTING') return;
      }
    };
    // The job is stored, so a failure to follow it must not look like a refusal.
    await inTime(follow(), leftMs, undefined).catch(() => {});
    isTimeUp = true;
    leave();
    return newest;
  }
}

function isUndecided(job: Job): boolean {
  return job.status === 'WAITING' || job.status === 'SUBMITTING';
}
