/** What Prometheus is told about jobs. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type AccountHold, HOLD_REASONS } from './account-hold.js';
import { isFinal, type Job } from './job.js';
import type { JobService } from './job-service.js';

/** A registry of its own, so that two gateways in one process do not share figures. */
export function createMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export class JobMetrics {
  readonly #ended: Counter<'status' | 'error'>;
  readonly #seconds: Histogram<'status'>;
  #unsubscribe: (() => void) | null = null;

  readonly #jobs: JobService;

  constructor(
    jobs: JobService,
    registry: Registry,
    now: { readonly sockets: () => number; readonly hold: () => AccountHold | null },
  ) {
    this.#jobs = jobs;
    this.#ended = new Counter({
      name: 'faceswap_jobs_ended_total',
      help: 'Jobs that ended, by final status and reason.',
      labelNames: ['status', 'error'],
      registers: [registry],
    });
    this.#seconds = new Histogram({
      name: 'faceswap_job_seconds',
      help: 'From the submit to the end of a job, in seconds.',
      labelNames: ['status'],
      buckets: [1, 2, 5, 10, 20, 40, 80, 160, 600, 3600, 10_800],
      registers: [registry],
    });
    const slots: Gauge = new Gauge({
      name: 'faceswap_jobs_open',
      help: 'Jobs of all gateways on this database that hold a provider slot, or wait for one. Each gateway exports the same figure: take max(), not sum().',
      labelNames: ['state'],
      registers: [registry],
      collect: async () => {
        const { used, waiting } = await jobs.slots();
        slots.set({ state: 'slot' }, used);
        slots.set({ state: 'waiting' }, waiting);
      },
    });
    const held: Gauge = new Gauge({
      name: 'faceswap_dispatch_held',
      help: 'Whether nothing is sent because Akool refuses the account, by reason: 1 or 0.',
      labelNames: ['reason'],
      registers: [registry],
      collect: () => {
        const hold = now.hold();
        for (const reason of HOLD_REASONS)
          held.set({ reason }, hold?.blocks && hold.reason === reason ? 1 : 0);
      },
    });
    const open: Gauge = new Gauge({
      name: 'faceswap_sockets_open',
      help: 'Open WebSockets.',
      registers: [registry],
      collect: () => {
        open.set(now.sockets());
      },
    });
  }

  start(): void {
    this.#unsubscribe ??= this.#jobs.onChange((job) => this.#count(job));
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
  }

  #count(job: Job): void {
    // Later versions of a finished job (its result was archived) are not another end.
    if (!isFinal(job.status) || job.finishedAt !== job.updatedAt) return;
    this.#ended.inc({ status: job.status, error: job.error?.code ?? '' });
    this.#seconds.observe({ status: job.status }, (job.finishedAt - job.createdAt) / 1000);
  }
}
