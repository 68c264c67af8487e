/** Sends one job to Akool, after detecting its faces if they are missing. */
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { AkoolClient, SubmitOutcome } from '../akool/akool-client.js';
import { Deadline } from '../akool/deadline.js';
import type { DetectionCache } from '../faces/detection-cache.js';
import { fillOpts, needsOpts } from '../faces/fill-opts.js';
import type { Job } from '../jobs/job.js';
import type { JobError } from '../jobs/job-error.js';
import type { FaceSwapRequest, JobRequest } from '../jobs/job-request.js';
import type { JobService } from '../jobs/job-service.js';
import { SharedReads } from '../jobs/shared-reads.js';

/** The outcome of sending a job. */
export type Outcome =
  | SubmitOutcome
  /** Not sent, because something is missing. Only this job waits. */
  | { readonly kind: 'not-ready'; readonly reason: string; readonly retryAfterMs: number | null }
  /** Not sent, because another instance considered this dispatcher dead and took the job over. */
  | { readonly kind: 'taken-over' };

interface SenderParts {
  readonly jobs: Pick<JobService, 'requests'>;
  readonly akool: Pick<AkoolClient, 'submitFaceSwap' | 'submitFaceSwapPlus'>;
  readonly faces: DetectionCache;
  /** Returns the callback URL; null if Akool can't reach us. */
  callbackUrl(job: Job): string | null;
  /**
   * Stores the request with its faces. Returns false if this attempt is over, because another instance may be
   * sending the job.
   */
  save(job: Job, request: FaceSwapRequest): Promise<boolean>;
  /** Aborts the calls in progress. */
  readonly signal: AbortSignal;
  readonly log: Pick<Logger, 'warn'>;
}

/** Well below the time after which the job would count as abandoned (see `ReconcilerSettings`). */
const FIND_FACES_MS = 25_000;
/** The job fails after this many detections in which Akool was reachable but returned no faces. */
const MAX_LOOKS = 10;
/** The maximum number of jobs whose detections are counted; a forgotten one just gets more attempts. */
const MAX_LOOKED_AT = 1000;

const NO_REQUEST: Outcome = {
  kind: 'not-ready',
  reason: 'not sent: its request could not be read',
  retryAfterMs: null,
};
const NO_FACES: Outcome = {
  kind: 'not-ready',
  reason: 'not sent: its faces could not be stored',
  retryAfterMs: null,
};

export class Sender {
  readonly #requests: SharedReads<JobRequest>;
  readonly #akool: SenderParts['akool'];
  readonly #faces: DetectionCache;
  readonly #callbackUrl: SenderParts['callbackUrl'];
  readonly #save: SenderParts['save'];
  readonly #signal: AbortSignal;
  /**
   * By job id. `job.attempts` would also count attempts that ended otherwise: a broken connection, a refused
   * account.
   */
  readonly #vainLooks = new LRUCache<string, number>({ max: MAX_LOOKED_AT });
  readonly #log: SenderParts['log'];

  constructor({ jobs, akool, faces, callbackUrl, save, signal, log }: SenderParts) {
    this.#requests = new SharedReads((ids) => jobs.requests(ids));
    this.#akool = akool;
    this.#faces = faces;
    this.#callbackUrl = callbackUrl;
    this.#save = save;
    this.#signal = signal;
    this.#log = log;
  }

  async send(job: Job): Promise<Outcome> {
    const request = await this.#requests.of(job.id).catch((error: unknown) => {
      this.#log.warn(
        { err: error, job: job.id },
        'the request of a job could not be read; the job waits again, unsent',
      );
      return null;
    });
    if (request === null) return NO_REQUEST;
    const options = { signal: this.#signal };
    const callbackUrl = this.#callbackUrl(job);
    switch (request.kind) {
      case 'PRO': {
        if (!needsOpts(request)) return this.#akool.submitFaceSwap({ ...request, callbackUrl }, options);
        const filled = await this.#fillOpts(job, request).catch((error: unknown) => {
          this.#log.warn(
            { err: error, job: job.id },
            'the faces of a job could not be stored; the job waits again, unsent',
          );
          return { outcome: NO_FACES };
        });
        return 'outcome' in filled
          ? filled.outcome
          : this.#akool.submitFaceSwap({ ...filled.request, callbackUrl }, options);
      }
      case 'PLUS':
        return this.#akool.submitFaceSwapPlus({ ...request, callbackUrl }, options);
    }
  }

  /** Stores the faces before sending, so a job whose stored request lacks `opts` was definitely not sent. */
  async #fillOpts(
    job: Job,
    request: FaceSwapRequest,
  ): Promise<{ readonly request: FaceSwapRequest } | { readonly outcome: Outcome }> {
    const deadline = new Deadline(FIND_FACES_MS, this.#signal);
    const filled = await fillOpts(job.tenant, request, this.#faces, deadline.signal).finally(() =>
      deadline.dispose(),
    );
    switch (filled.kind) {
      case 'failed':
        return { outcome: { kind: 'refused', error: filled.error } };
      case 'account-refused': {
        await this.#keepFound(job, request, filled.request);
        return { outcome: { kind: 'account-refused', reason: filled.reason, error: filled.error } };
      }
      case 'unavailable': {
        const { reason, retryAfterMs, maybePictures } = filled;
        if (maybePictures && !this.#signal.aborted && this.#countLook(job) >= MAX_LOOKS) {
          return { outcome: { kind: 'refused', error: facesNeverFound(reason) } };
        }
        await this.#keepFound(job, request, filled.request);
        return { outcome: { kind: 'not-ready', reason, retryAfterMs } };
      }
      case 'filled':
        return (await this.#save(job, filled.request))
          ? { request: filled.request }
          : { outcome: { kind: 'taken-over' } };
    }
  }

  #countLook({ id }: Job): number {
    const looks = (this.#vainLooks.get(id) ?? 0) + 1;
    this.#vainLooks.set(id, looks);
    return looks;
  }

  /** Stores the faces found so far, so that they need not be detected again. */
  async #keepFound(job: Job, before: FaceSwapRequest, found: FaceSwapRequest): Promise<void> {
    if (optsIn(found) > optsIn(before)) await this.#save(job, found);
  }
}

function optsIn({ sourceImage, targetImage }: FaceSwapRequest): number {
  return [...sourceImage, ...targetImage].filter(({ opts }) => opts !== null).length;
}

function facesNeverFound(reason: string): JobError {
  return {
    code: 'PROVIDER_UNAVAILABLE',
    message: `Face detection at Akool failed ${MAX_LOOKS} times (${reason}). Nothing was sent or billed.`,
    providerCode: null,
    retryable: true,
  };
}
