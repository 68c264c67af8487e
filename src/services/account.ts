/** The Akool account as a dashboard sees it: its credit, and how the provider slots are used. */
import { LRUCache } from 'lru-cache';
import type { AkoolClient } from './akool/akool-client.js';
import { providerUnavailable } from './akool/provider-fault.js';
import type { JobService } from './jobs/job-service.js';

export interface AccountView {
  /** Akool's credits. */
  readonly credit: number;
  readonly slots: { readonly limit: number; readonly used: number; readonly waiting: number };
}

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

  /** @throws GatewayError PROVIDER_UNAVAILABLE */
  async view(): Promise<AccountView> {
    const [credit, slots] = await Promise.all([
      this.#credit.forceFetch('credit').catch((error: unknown) => {
        throw providerUnavailable(error);
      }),
      this.#jobs.slots(),
    ]);
    return { credit: credit.value, slots: { limit: this.#limit, ...slots } };
  }
}
