/** Polls Akool for jobs and applies its answers. */
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import type { AkoolClient, ProviderResult } from '../akool/akool-client.js';
import { Deadline } from '../akool/deadline.js';
import { providerUrlForLog } from '../akool/provider-url.js';
import { isHealable, type Job } from '../jobs/job.js';
import type { ProviderReport } from '../jobs/job-event.js';
import type { JobService } from '../jobs/job-service.js';
import type { JobStore } from '../jobs/job-store.js';
import { providerReport, RESULT_UNUSABLE } from './provider-report.js';

export interface ResultQuestionsSettings {
  /** `AKOOL_BASE_URL`, against which relative result URLs are resolved. */
  readonly baseUrl: string;
  readonly keepResults: boolean;
  readonly pollAfterMs: number;
}

interface ResultQuestionsParts {
  readonly store: Pick<JobStore, 'reschedulePolls'>;
  readonly jobs: JobService;
  readonly akool: Pick<AkoolClient, 'results'>;
  readonly clock: Clock;
  readonly settings: ResultQuestionsSettings;
  readonly log: Logger;
  /** Aborts a poll in progress. */
  readonly signal: AbortSignal;
}

/**
 * How long a result may lack a URL after Akool first reports success. After that it is not expected to get
 * one.
 */
const MISSING_ADDRESS_MS = 5 * 60_000;
/** How long a callback waits for the reason of a failure. */
const REASON_MS = 2000;
/** The maximum number of tracked jobs without a result URL; more than are ever at Akool at once. */
const MAX_WITHOUT_ADDRESS = 1000;

export class ResultQuestions {
  readonly #store: ResultQuestionsParts['store'];
  readonly #jobs: JobService;
  readonly #akool: ResultQuestionsParts['akool'];
  readonly #clock: Clock;
  readonly #settings: ResultQuestionsSettings;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  /** When Akool first reported success without a result URL, on the steady clock, by job id. */
  readonly #withoutAddress = new LRUCache<string, number>({ max: MAX_WITHOUT_ADDRESS });

  constructor({ store, jobs, akool, clock, settings, log, signal }: ResultQuestionsParts) {
    this.#store = store;
    this.#jobs = jobs;
    this.#akool = akool;
    this.#clock = clock;
    this.#settings = settings;
    this.#log = log;
    this.#signal = signal;
  }

  /** Returns false if Akool could not be polled. */
  async ask(jobs: readonly Job[]): Promise<boolean> {
    const byProviderId = new Map<string, Job>();
    for (const job of jobs) if (job.providerId !== null) byProviderId.set(job.providerId, job);
    let results: readonly ProviderResult[];
    try {
      results = await this.#akool.results([...byProviderId.keys()], { signal: this.#signal });
    } catch (error) {
      if (!this.#signal.aborted)
        this.#log.warn({ err: error, jobs: jobs.length }, 'jobs could not be polled');
      return false;
    }
    await Promise.all(
      results.map(async (result) => {
        const job = byProviderId.get(result.providerId);
        if (job !== undefined) await this.#apply(job, result);
      }),
    );
    return true;
  }

  async #apply(job: Job, result: ProviderResult): Promise<void> {
    const at = this.#clock.now();
    const read = providerReport(result, {
      baseUrl: this.#settings.baseUrl,
      // Akool does not say when it made the result; counting from sending never promises too much.
      madeAt: job.sentAt ?? at,
      keep: this.#settings.keepResults,
      secrets: [job.callbackToken],
    });
    const report = read ?? this.#unusable(job, result);
    if (report === null) return;
    const { job: afterwards } = await this.#jobs.apply(job.id, (current) => ({
      type: 'reported',
      at,
      // Already due: a callback arrived during the poll.
      pollAt:
        current.pollAt !== null && current.pollAt <= at ? current.pollAt : at + this.#settings.pollAfterMs,
      deadlineAt: current.deadlineAt,
      source: 'POLL',
      providerId: result.providerId,
      report,
    }));
    // It missed its deadline, and now Akool reports that it failed.
    if (report.status === 'FAILED' && afterwards !== null && isHealable(afterwards))
      await this.#store.reschedulePolls([{ id: job.id, pollAt: null }]);
  }

  /** Handles a success without a usable URL. If there is none at all, it may still arrive. */
  #unusable(job: Job, { providerId, url }: ProviderResult): ProviderReport | null {
    const steady = this.#clock.steady();
    const since = this.#withoutAddress.get(job.id) ?? steady;
    this.#withoutAddress.set(job.id, since);
    const mayCome = steady < since + MISSING_ADDRESS_MS && this.#clock.now() < job.deadlineAt;
    if (url === null && mayCome) return null;
    const address = url === null ? null : providerUrlForLog(url);
    this.#log.error({ job: job.id, providerId, address }, 'a paid result has no usable URL');
    return { status: 'FAILED', error: RESULT_UNUSABLE };
  }

  /**
   * Returns why the job failed at Akool; null if Akool gives no reason within a moment. Callbacks carry no reason, but
   * polls may.
   */
  async reasonFor(providerId: string): Promise<string | null> {
    const deadline = new Deadline(REASON_MS, this.#signal);
    try {
      const results = await this.#akool.results([providerId], { signal: deadline.signal });
      return results.find((result) => result.providerId === providerId)?.reason ?? null;
    } catch (error) {
      this.#log.warn({ err: error, providerId }, 'could not poll for the reason of a failure');
      return null;
    } finally {
      deadline.dispose();
    }
  }
}
