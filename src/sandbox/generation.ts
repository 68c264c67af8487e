/**
 * The progress of a job at Akool: 1 in queue; after `queueMs` 2 processing; after another `processMs` 3
 * success or 4 failed. It only moves forward, and each step from 2 on triggers a callback.
 */
import type { Courier } from './courier.js';
import { isFinished, type JobStatus, type SandboxJob } from './job.js';
import type { Ledger } from './ledger.js';
import { Timers } from './timers.js';

export class Generation {
  readonly #ledger: Ledger;
  readonly #courier: Courier;
  readonly #timers = new Timers();

  constructor(ledger: Ledger, courier: Courier) {
    this.#ledger = ledger;
    this.#courier = courier;
  }

  /** Continues a job from its current state. */
  begin(job: SandboxJob): void {
    const now = Date.now();
    if (job.status === 1) this.#after(job.startsAt - now, job, 2);
    else if (job.status === 2 && job.endsAt !== null) this.#after(job.endsAt - now, job, job.outcome);
  }

  /** Ends a job now. Returns false if it had already ended. */
  finish(job: SandboxJob, status: 3 | 4): boolean {
    return this.#move(job, status);
  }

  /** Advances a job by one step now, even a stalled one. Returns false if it had already ended. */
  advance(job: SandboxJob): boolean {
    return this.#move(job, job.status === 1 ? 2 : job.outcome);
  }

  stop(): void {
    this.#timers.clear();
  }

  #after(ms: number, job: SandboxJob, status: JobStatus): void {
    this.#timers.after(ms, () => this.#move(job, status));
  }

  #move(job: SandboxJob, status: JobStatus): boolean {
    if (!this.#ledger.holds(job) || isFinished(job) || status <= job.status) return false;
    job.status = status;
    job.updatedAt = Date.now();
    if (job.webhookUrl) job.owed.push(status);
    this.#ledger.save(job);
    if (job.webhookUrl) this.#courier.announce(job, status);
    // Wait for the duration, not until `endsAt`, because the clock may have been set meanwhile.
    if (status === 2 && job.endsAt !== null) this.#after(job.endsAt - job.startsAt, job, job.outcome);
    return true;
  }
}
