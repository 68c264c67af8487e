/** The Akool account as a dashboard sees it: its credit, and how the provider slots are used. */
import { LRUCache } from 'lru-cache';
import type { AkoolClient } from './akool/akool-client.js';
import { providerUnavailable } from './akool/error-mapping.js';
import type { JobService } from './jobs/job-service.js';
import type { SlotUsage } from './jobs/job-store.js';

/** A busy dashboard asks often, and the balance changes with jobs, not with questions. */
const CREDIT_KEPT_MS = 5000;

export class Account {
  readonly #jobs: JobService;
  readonly #limit: number;
  readonly #credit: LRUCache<'credit', { readonly value: number }>;

  constructor(parts: {
    readonly akool: Pick<AkoolClient, 'credit'>;
    readonly jobs: JobService;
    readonly maxConcurrency: number;
  }) {
    this.#jobs = parts.jobs;
    this.#limit = parts.maxConcurrency;
    this.#credit = new LRUCache({
      max: 1,
      ttl: CREDIT_KEPT_MS,
      // Questions at the same time share one call; a failure is not kept.
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
      throw providerUnavailable(error);
    });
    return value;
  }

  async slots(): Promise<SlotUsage & { readonly limit: number }> {
    return { limit: this.#limit, ...(await this.#jobs.slots()) };
  }
}
