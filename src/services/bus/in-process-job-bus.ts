/** The bus within one process. It loses nothing, and passes the job itself, so that followers need not read it. */
import type { Job } from '../jobs/job.js';
import type { BusHealth, JobBus, JobListener, JobSignal, Unfollow } from '../jobs/job-bus.js';
import type { ChangedJob } from '../jobs/job-store.js';
import { reminderOf } from './reminder.js';
import { Topics } from './topics.js';

export function createInProcessJobBus(): JobBus {
  return new InProcessJobBus();
}

class InProcessJobBus implements JobBus {
  readonly #jobs = new Topics<JobSignal>();
  readonly #tenants = new Topics<JobSignal>();

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#jobs.clear();
    this.#tenants.clear();
  }

  health(): BusHealth {
    return { isUp: true };
  }

  publish(job: Job): void {
    const signal: JobSignal = { id: job.id, version: job.version, job, isReminder: false };
    this.#jobs.emit(job.id, signal);
    this.#tenants.emit(job.tenant, signal);
  }

  async followJob(id: string, listener: JobListener): Promise<Unfollow> {
    return this.#jobs.add(id, listener);
  }

  async followTenant(tenant: string, listener: JobListener): Promise<Unfollow> {
    return this.#tenants.add(tenant, listener);
  }

  onGap(): Unfollow {
    return () => {};
  }

  followedJobs(): readonly string[] {
    return this.#jobs.names();
  }

  followedTenants(): readonly string[] {
    return this.#tenants.names();
  }

  remindOfJob(id: string, version: number): void {
    this.#jobs.emit(id, { id, version, job: null, isReminder: true });
  }

  remindTenant(tenant: string, changed: ChangedJob): void {
    this.#tenants.emit(tenant, reminderOf(changed));
  }
}
