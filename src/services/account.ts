/** The Akool account for dashboards: its credit, and the provider slots in use. */
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { AkoolClient } from './akool/akool-client.js';
import { providerUnavailable } from './akool/error-mapping.js';
import type { JobService } from './jobs/job-service.js';
import type { SlotUsage } from './jobs/job-store.js';

/** Dashboards query it often, but the balance changes only with jobs. */
const CREDIT_KEPT_MS = 5000;

export class Account {
  readonly #jobs: JobService;
  readonly #limit: number;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #credit: LRUCache<'credit', { readonly value: number }>;

  constructor(parts: {
    readonly akool: Pick<AkoolClient, 'credit'>;
    readonly jobs: JobService;
    readonly maxConcurrency: number;
    readonly log: Pick<Logger, 'warn'>;
  }) {
    this.#jobs = parts.jobs;
    this.#log = parts.log;
    this.#limit = parts.maxConcurrency;
    this.#credit = new LRUCache({
      max: 1,
      ttl: CREDIT_KEPT_MS,
      // Concurrent calls share one request; failures are not cached.
      fetchMethod: async () => ({ value: await parts.akool.credit() }),
    });
  }

  /**
   * In Akool's credits.
   *
   * @throws GatewayError PROVIDER_UNAVAILABLE
   */
  async credit(): Promise<number> {
    const { value } = await this.#credit.forceFetch('credit').catch((error: unknown) => {
      this.#log.warn({ err: error }, 'Akool did not tell the balance');
      throw providerUnavailable(error);
    });
    return value;
  }

  async slots(): Promise<SlotUsage & { readonly limit: number }> {
    return { limit: this.#limit, ...(await this.#jobs.slots()) };
  }
}
