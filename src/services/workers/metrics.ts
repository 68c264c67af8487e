/** The gateway's Prometheus metrics: jobs and dispatch. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, register } from 'prom-client';
import { HOLD_REASONS } from '../jobs/account-hold.js';
import { isFinal, type Job } from '../jobs/job.js';
import type { JobService } from '../jobs/job-service.js';

/** Has the metrics of the process; two gateways in one process do not share any others. */
export function createRegistry(): Registry {
  return Registry.merge([processMetrics()]);
}

/** Collected once, because prom-client can't stop it: its observers would keep every gateway of the process alive. */
function processMetrics(): Registry {
  if (register.getMetricsAsArray().length === 0) collectDefaultMetrics();
  return register;
}

const DISPATCH_HOLDS = [...HOLD_REASONS, 'PAUSED'] as const;
/** Why dispatch is held as a whole. */
type DispatchHold = (typeof DISPATCH_HOLDS)[number];

export class Metrics {
  readonly #ended: Counter<'status' | 'error'>;
  readonly #seconds: Histogram<'status'>;
  #unsubscribe: (() => void) | null = null;

  readonly #jobs: JobService;

  constructor(jobs: JobService, registry: Registry, held: () => DispatchHold | null) {
    this.#jobs = jobs;
    this.#ended = new Counter({
      name: 'faceswap_jobs_ended_total',
      help: 'Finished jobs, by final status and error.',
      labelNames: ['status', 'error'],
      registers: [registry],
    });
    this.#seconds = new Histogram({
      name: 'faceswap_job_seconds',
      help: 'Time from submit to the end of a job, in seconds.',
      labelNames: ['status'],
      buckets: [1, 2, 5, 10, 20, 40, 80, 160, 600, 3600, 10_800],
      registers: [registry],
    });
    const slots: Gauge = new Gauge({
      name: 'faceswap_jobs_open',
      help: 'Jobs of all gateways on this database that hold a provider slot, or wait for one. Each gateway exports the same value: use max(), not sum().',
      labelNames: ['state'],
      registers: [registry],
      collect: async () => {
        const { used, waiting } = await jobs.slots();
        slots.set({ state: 'slot' }, used);
        slots.set({ state: 'waiting' }, waiting);
      },
    });
    const hold: Gauge = new Gauge({
      name: 'faceswap_dispatch_held',
      help: 'Whether dispatch is held, by reason: Akool refuses the account, or DISPATCH is paused. 1 or 0.',
      labelNames: ['reason'],
      registers: [registry],
      collect: () => {
        const why = held();
        for (const reason of DISPATCH_HOLDS) hold.set({ reason }, reason === why ? 1 : 0);
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
    // Don't count later versions of a finished job, such as the archiving of its result.
    if (!isFinal(job.status) || job.finishedAt !== job.updatedAt) return;
    this.#ended.inc({ status: job.status, error: job.error?.code ?? '' });
    this.#seconds.observe({ status: job.status }, (job.finishedAt - job.createdAt) / 1000);
  }
}
