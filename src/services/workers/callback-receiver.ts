/**
 * Handles callbacks to a job's URL. A callback is trusted only if its `_id` is the job's own. If it cannot be
 * decrypted, it only makes the gateway poll the job at once.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { type CallbackEvent, type CallbackKeys, readCallback } from '../akool/callback.js';
import { isProviderResultUrl, providerUrlForLog } from '../akool/provider-url.js';
import { isAtProvider, isFinal, isHealable, isReportFor, type Job } from '../jobs/job.js';
import type { JobService } from '../jobs/job-service.js';
import type { JobStore } from '../jobs/job-store.js';
import { providerReport } from './provider-report.js';
import type { Reconciler } from './reconciler.js';

export interface CallbackSettings {
  readonly keys: CallbackKeys;
  /** `AKOOL_BASE_URL`: result URLs there are accepted too, whatever their scheme. */
  readonly baseUrl: string;
  /** Check with the results endpoint before trusting a callback that says COMPLETED. */
  readonly confirmResults: boolean;
  readonly keepResults: boolean;
  readonly pollAfterMs: number;
  readonly jobDeadlineMs: number;
}

/** `recorded`: it is on disk now, or was already; answer 200. `refused`: not accepted, for any reason. */
type Receipt = 'recorded' | 'refused';

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

  /** Whether a job has this token. Rejects if the store fails. */
  async isAwaitedAt(token: string): Promise<boolean> {
    return (await this.#store.getByCallbackToken(token)) !== null;
  }

  /** Rejects only if the store fails; Akool then retries. */
  async receive(token: string, body: Buffer): Promise<Receipt> {
    const job = await this.#store.getByCallbackToken(token);
    if (job === null) return this.#refuse(null, 'UNKNOWN_ADDRESS');
    let message: ReturnType<typeof readCallback>;
    try {
      message = readCallback(body, this.#settings.keys);
    } catch (error) {
      const code = codeOf(error);
      // Nobody else knows the address, so even what is not readable shows that Akool has news. A wrong signature shows
      // that it is not Akool's.
      if (code !== 'SIGNATURE') await this.#pollSoon(job);
      return this.#refuse(job, code);
    }
    switch (message.kind) {
      case 'doorbell':
        return this.#ring(job, null);
      case 'event':
        return this.#take(job, message.event);
    }
  }

  async #take(job: Job, event: CallbackEvent): Promise<Receipt> {
    if (!isReportFor(job, event.providerId)) return this.#refuse(job, 'WRONG_ID');
    const at = this.#clock.now();
    const { baseUrl, keepResults: keep, confirmResults } = this.#settings;
    const secrets = [job.callbackToken];
    const read = providerReport(
      { ...event, reason: await this.#reasonOf(event, job) },
      { baseUrl, madeAt: madeAt(event, job, at), keep, secrets },
    );
    // A forged callback must not end the job, so if the result URL does not fit, Akool's answer to a poll
    // decides.
    const isBelieved =
      read !== null &&
      (read.status !== 'COMPLETED' || (!confirmResults && isProviderResultUrl(read.url, baseUrl)));
    // Even an untrusted callback shows that Akool has the job.
    const report = isBelieved ? read : ({ status: 'QUEUED' } as const);
    let isUnsent = false;
    const { job: afterwards, changed } = await this.#jobs.apply(job, (current) => {
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
      // Log the URL: a poll may return none, and then this is the only way to the paid result.
      this.#log.info(fields, 'callback with a result that must be confirmed by a poll');
      return this.#ring(afterwards, event);
    }
    if (!changed) this.#noteUnused(afterwards, event);
    return 'recorded';
  }

  async #reasonOf({ status, reason, providerId }: CallbackEvent, job: Job): Promise<string | null> {
    const isMissing = status === 4 && reason === null && !isFinal(job.status);
    return isMissing ? this.#reconciler.reasonFor(providerId) : reason;
  }

  /**
   * Schedules a poll, because only that can reveal the news about this job.
   *
   * @param event what was decrypted but not trusted; null if it could not be decrypted
   */
  async #ring(job: Job, event: CallbackEvent | null): Promise<Receipt> {
    if (await this.#pollSoon(job)) return 'recorded';
    // Without an `_id` the job cannot be polled; refusing makes Akool retry the callback later.
    if (!isFinal(job.status)) return this.#refuse(job, 'NOT_YET_ASKABLE');
    this.#noteUnused(job, event);
    return 'recorded';
  }

  /** Returns false if Akool can't be asked about the job. */
  async #pollSoon(job: Job): Promise<boolean> {
    const isAsked = isAtProvider(job.status) || (isHealable(job) && job.pollAt !== null);
    if (!isAsked) return false;
    await this.#store.reschedulePolls([{ id: job.id, pollAt: this.#clock.now() }]);
    this.#reconciler.wake();
    return true;
  }

  /** A callback that changes nothing also gets 200, but is logged, because a result in it was paid for. */
  #noteUnused({ id, status, error, eraseAt }: Job, event: CallbackEvent | null): void {
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
    const check = reason === 'SIGNATURE' ? 'AKOOL_CLIENT_ID and AKOOL_API_KEY' : undefined;
    this.#log.warn({ job: job?.id, reason, check }, 'callback refused');
    return 'refused';
  }
}

/**
 * When the result was made: the callback's own timestamp, which is the same in every delivery. It is clamped
 * to the possible range, because nothing authenticates it.
 */
function madeAt(event: CallbackEvent, job: Job, now: number): number {
  return Math.min(now, Math.max(event.timestamp, job.sentAt ?? job.createdAt));
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  throw error;
}
