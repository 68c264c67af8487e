/**
 * Handles a submit: stores the job, offers it to the dispatcher, and, if a slot was free, waits until Akool
 * has answered too, so that the client learns the outcome in one round trip.
 */

import type { Job } from '../jobs/job.js';
import type { JobRequest } from '../jobs/job-request.js';
import type { JobService } from '../jobs/job-service.js';
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

  /** @throws GatewayError QUEUE_FULL, IDEMPOTENCY_CONFLICT */
  async submit(tenant: string, request: JobRequest, idempotencyKey: string | null): Promise<Submitted> {
    const until = performance.now() + this.#waitMs;
    const { job, deduplicated } = await this.#jobs.create(tenant, request, idempotencyKey);
    // The job is stored now, so a failure to follow it must not look like a refusal.
    return { job: await this.#answered(job, until).catch(() => job), deduplicated };
  }

  /** Returns the job once it waits for a slot, Akool has answered, or the time is up. */
  async #answered(job: Job, until: number): Promise<Job> {
    const leftMs = until - performance.now();
    if (leftMs <= 0 || !isUndecided(job)) return job;
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), leftMs);
    });
    const following = this.#jobs.watch(job.tenant, job.id);
    const leave = async (): Promise<void> => {
      await (await following).return?.();
    };
    // If the store is silent, this may only begin when nobody waits for it any more.
    timeUp.then(leave).catch(() => {});
    let newest = job;
    try {
      const states = await Promise.race([following, timeUp]);
      if (states === null) return job;
      const offered = this.#dispatcher.pass().then(() => 'offered' as const);
      let isOffered = false;
      let next = states.next();
      for (;;) {
        const step = await (isOffered ? next : Promise.race([offered, next]));
        if (step === 'offered') {
          isOffered = true;
          // A leased job was announced before the pass ended, so it is in hand already or next in line.
          const found = this.#jobs.find(job.tenant, job.id).catch(() => null);
          newest = (await Promise.race([found, timeUp])) ?? newest;
          if (newest.status !== 'SUBMITTING') return newest;
          continue;
        }
        if (step.done === true) return newest;
        if (step.value.version > newest.version) newest = step.value;
        if (!isUndecided(newest) || (isOffered && newest.status === 'WAITING')) return newest;
        next = states.next();
      }
    } finally {
      clearTimeout(timer);
      leave().catch(() => {});
    }
  }
}

function isUndecided(job: Job): boolean {
  return job.status === 'WAITING' || job.status === 'SUBMITTING';
}
