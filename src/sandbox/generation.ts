/**
 * The progress of a job at Akool: 1 in queue; after `queueMs` 2 processing; after another `processMs` 3
 * success or 4 failed. It only moves forward, and each step from 2 on triggers a callback. A result that has to be made
 * while its uploads last may delay the end.
 */
import type { Courier } from './courier.js';
import { isFinished, type JobStatus, type SandboxJob } from './job.js';
import type { Ledger } from './ledger.js';
import type { Results } from './results.js';
import { Timers } from './timers.js';

export class Generation {
  readonly #ledger: Ledger;
  readonly #courier: Courier;
  readonly #results: Results;
  readonly #timers = new Timers();

  constructor(ledger: Ledger, courier: Courier, results: Results) {
    this.#ledger = ledger;
    this.#courier = courier;
    this.#results = results;
  }

  /** Continues a job from its current state. */
  begin(job: SandboxJob): void {
    const now = Date.now();
    if (job.status === 1) this.#timers.after(job.startsAt - now, () => this.#move(job, 2));
    else if (job.status === 2 && job.endsAt !== null) this.#endAfter(job.endsAt - now, job);
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

  #endAfter(ms: number, job: SandboxJob): void {
    const ready = this.#results.prepare(job);
    this.#timers.after(ms, async () => {
      if (ready !== undefined) await ready;
      this.#move(job, job.outcome);
    });
  }

  #move(job: SandboxJob, status: JobStatus): boolean {
    if (!this.#ledger.holds(job) || isFinished(job) || status <= job.status) return false;
    job.status = status;
    job.updatedAt = Date.now();
    if (job.webhookUrl) job.owed.push(status);
    this.#ledger.save(job);
    if (job.webhookUrl) this.#courier.announce(job, status);
    // Wait for the duration, not until `endsAt`, because the clock may have been set meanwhile.
    if (status === 2 && job.endsAt !== null) this.#endAfter(job.endsAt - job.startsAt, job);
    return true;
  }
}
