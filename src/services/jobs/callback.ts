/**
 * What arrives at a job's webhook address. An event is believed only when it fits the address (the payload's
 * `_id` is the job's own), and one that can't be read is a doorbell: the job is asked about at once.
 */
import type { Logger } from 'pino';
import { isProviderResultUrl, providerUrlForLog } from '../akool/provider-url.js';
import { readWebhook, type WebhookEvent, type WebhookKeys } from '../akool/webhook.js';
import type { JobStore } from '../store/job-store.js';
import type { Clock } from './clock.js';
import { isAtProvider, isFinal, isHealable, isReportFor, type Job } from './job.js';
import type { JobService } from './job-service.js';
import { providerReport } from './provider-report.js';
import type { Reconciler } from './reconciler.js';

export interface CallbackSettings {
  readonly keys: WebhookKeys;
  /** `AKOOL_BASE_URL`: results may also lie there, whatever its scheme. */
  readonly baseUrl: string;
  /** Ask the results endpoint before a COMPLETED webhook is believed. */
  readonly confirmResults: boolean;
  readonly keepResults: boolean;
  readonly pollAfterMs: number;
  readonly jobDeadlineMs: number;
}

/**
 * `recorded`: it is on disk, or was already; answer 200. `refused`: nothing was taken, for whatever reason.
 */
export type Receipt = 'recorded' | 'refused';

export class CallbackReceiver {
  readonly #store: JobStore;
  readonly #jobs: JobService;
  readonly #reconciler: Reconciler;
  readonly #clock: Clock;
  readonly #settings: CallbackSettings;
  readonly #log: Logger;

  constructor(parts: {
    readonly store: JobStore;
    readonly jobs: JobService;
    readonly reconciler: Reconciler;
    readonly clock: Clock;
    readonly settings: CallbackSettings;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#jobs = parts.jobs;
    this.#reconciler = parts.reconciler;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#log = parts.log;
  }

  /** Whether this is a job's address. Rejects when the store fails. */
  async isAwaitedAt(token: string): Promise<boolean> {
    return (await this.#store.getByCallbackToken(token)) !== null;
  }

  /** Rejects only when the store fails; Akool sends again then. */
  async receive(token: string, body: Buffer): Promise<Receipt> {
    const job = await this.#store.getByCallbackToken(token);
    if (job === null) return this.#refuse(null, 'UNKNOWN_ADDRESS');
    let message: ReturnType<typeof readWebhook>;
    try {
      message = readWebhook(body, this.#settings.keys);
    } catch (error) {
      return this.#refuse(job, codeOf(error));
    }
    switch (message.kind) {
      case 'doorbell':
        return this.#ring(job, null);
      case 'event':
        return this.#take(job, message.event);
    }
  }

  async #take(job: Job, event: WebhookEvent): Promise<Receipt> {
    if (!isReportFor(job, event.providerId)) return this.#refuse(job, 'WRONG_ID');
    const at = this.#clock.now();
    const { baseUrl, keepResults: keep, confirmResults } = this.#settings;
    const secrets = [job.callbackToken];
    const read = providerReport(
      { ...event, reason: await this.#reasonOf(event, job) },
      { baseUrl, madeAt: madeAt(event, job, at), keep, secrets },
    );
    // Whoever forged it must not end the job: where the address does not fit, what Akool says when asked counts.
    const isBelieved =
      read !== null &&
      (read.status !== 'COMPLETED' || (!confirmResults && isProviderResultUrl(read.url, baseUrl)));
    // What is not believed still says that Akool has the job.
    const report = isBelieved ? read : ({ status: 'QUEUED' } as const);
    let isUnsent = false;
    const { job: afterwards, changed } = await this.#jobs.apply(job.id, (current) => {
      isUnsent = current.attempts === 0;
      return {
        type: 'reported',
        at,
        pollAt: isBelieved ? at + this.#settings.pollAfterMs : at,
        deadlineAt: (current.sentAt ?? at) + this.#settings.jobDeadlineMs,
        source: 'WEBHOOK',
        providerId: event.providerId,
        report,
      };
    });
    if (afterwards === null) return this.#refuse(job, 'DELETED');
    if (changed && isUnsent) {
      const fields = { job: job.id, providerId: event.providerId, status: afterwards.status };
      this.#log.warn(fields, 'a callback shows that a job had been sent, of which there is no record');
    }
    if (!isBelieved) {
      const address = event.url === null ? null : providerUrlForLog(event.url);
      const fields = { job: job.id, providerId: event.providerId, address };
      // Akool may give none when it is asked: then this is all that leads to what was paid.
      this.#log.info(fields, 'callback with a result that counts only once Akool was asked');
      return this.#ring(afterwards, event);
    }
    if (!changed) this.#noteUnused(afterwards, event);
    return 'recorded';
  }

  async #reasonOf({ status, reason, providerId }: WebhookEvent, job: Job): Promise<string | null> {
    const isMissing = status === 4 && reason === null && !isFinal(job.status);
    return isMissing ? this.#reconciler.reasonFor(providerId) : reason;
  }

  /**
   * Something is new with this job, but what, only Akool can tell.
   *
   * @param event what was read and not believed; null for what could not be read
   */
  async #ring(job: Job, event: WebhookEvent | null): Promise<Receipt> {
    const isAsked = isAtProvider(job.status) || (isHealable(job) && job.pollAt !== null);
    if (isAsked) {
      await this.#store.reschedulePolls([{ id: job.id, pollAt: this.#clock.now() }]);
      this.#reconciler.wake();
      return 'recorded';
    }
    // Without an `_id` there is nothing to ask for; not taking it makes Akool ring again later.
    if (!isFinal(job.status)) return this.#refuse(job, 'NOT_YET_ASKABLE');
    this.#noteUnused(job, event);
    return 'recorded';
  }

  /** What changes nothing is answered with 200 as well, and must not be nowhere: a result in it was paid. */
  #noteUnused({ id, status, error, eraseAt }: Job, event: WebhookEvent | null): void {
    const url = eraseAt === null ? (event?.url ?? null) : null;
    const fields = {
      job: id,
      status,
      error: error?.code,
      providerId: event?.providerId,
      providerStatus: event?.status,
      address: url === null ? undefined : providerUrlForLog(url),
    };
    if (event?.status === 3 && status !== 'COMPLETED') {
      this.#log.warn(fields, 'callback with a result changed nothing');
    } else {
      this.#log.info(fields, 'callback changed nothing');
    }
  }

  #refuse(job: Job | null, reason: string): Receipt {
    this.#log.warn({ job: job?.id, reason }, 'webhook refused');
    return 'refused';
  }
}

/**
 * When the result was made: the webhook's own timestamp, which repeats with every delivery of it. Bounded by
 * what is possible, because nothing vouches for it.
 */
function madeAt(event: WebhookEvent, job: Job, now: number): number {
  return Math.min(now, Math.max(event.timestamp, job.sentAt ?? job.createdAt));
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  throw error;
}
