/** Hands one job to Akool; looks for its faces first where they are missing. */
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { AkoolClient, SubmitOutcome } from '../akool/akool-client.js';
import { Deadline } from '../akool/deadline.js';
import type { FaceDetection } from '../faces/face-detection.js';
import { fillOpts, needsOpts } from '../faces/fill-opts.js';
import type { Job } from './job.js';
import type { JobError } from './job-error.js';
import type { FaceSwapRequest, JobRequest } from './job-request.js';
import type { JobService } from './job-service.js';
import { SharedReads } from './shared-reads.js';

/** What became of a job in hand. */
export type Outcome =
  | SubmitOutcome
  /** It was not sent, because something about it is missing: that keeps this one job waiting, and no other. */
  | { readonly kind: 'not-ready'; readonly reason: string; readonly retryAfterMs: number | null }
  /** It was not sent here, because somebody took this dispatcher for dead: the job is no longer its to send. */
  | { readonly kind: 'taken-over' };

export interface SenderParts {
  readonly jobs: Pick<JobService, 'requests'>;
  readonly akool: Pick<AkoolClient, 'submitFaceSwap' | 'submitFaceSwapPlus'>;
  readonly faces: FaceDetection;
  /** Where Akool reports, null when it can't reach us. */
  webhookUrl(job: Job): string | null;
  /** Stores the request with its faces. False when this try of the job is over: somebody else may be sending it. */
  save(job: Job, request: FaceSwapRequest): Promise<boolean>;
  /** Ends the calls under way. */
  readonly signal: AbortSignal;
  readonly log: Pick<Logger, 'warn'>;
}

/** Well before a job that is being looked at would be taken for abandoned: see `ReconcilerSettings`. */
const FIND_FACES_MS = 25_000;
/** So often are faces looked for where Akool can be reached but gives none; then the job fails. */
const MOST_LOOKS = 10;
/** Jobs that such looks are counted of; one that is forgotten is looked at more often. */
const MAX_LOOKED_AT = 1000;

const NO_REQUEST: Outcome = {
  kind: 'not-ready',
  reason: 'not sent: its request could not be read',
  retryAfterMs: null,
};

export class Sender {
  readonly #requests: SharedReads<JobRequest>;
  readonly #akool: SenderParts['akool'];
  readonly #faces: FaceDetection;
  readonly #webhookUrl: SenderParts['webhookUrl'];
  readonly #save: SenderParts['save'];
  readonly #signal: AbortSignal;
  /** By the job's id. Its `attempts` would also count those that ended otherwise: a dead line, a refused account. */
  readonly #vainLooks = new LRUCache<string, number>({ max: MAX_LOOKED_AT });
  readonly #log: SenderParts['log'];

  constructor({ jobs, akool, faces, webhookUrl, save, signal, log }: SenderParts) {
    this.#requests = new SharedReads((ids) => jobs.requests(ids));
    this.#akool = akool;
    this.#faces = faces;
    this.#webhookUrl = webhookUrl;
    this.#save = save;
    this.#signal = signal;
    this.#log = log;
  }

  async send(job: Job): Promise<Outcome> {
    const request = await this.#requests.of(job.id).catch((error: unknown) => {
      this.#log.warn(
        { err: error, job: job.id },
        'the request of a job could not be read; it waits again, unsent',
      );
      return null;
    });
    if (request === null) return NO_REQUEST;
    const options = { signal: this.#signal };
    const webhookUrl = this.#webhookUrl(job);
    switch (request.kind) {
      case 'PRO': {
        if (!needsOpts(request)) return this.#akool.submitFaceSwap({ ...request, webhookUrl }, options);
        const filled = await this.#fillOpts(job, request);
        return 'outcome' in filled
          ? filled.outcome
          : this.#akool.submitFaceSwap({ ...filled.request, webhookUrl }, options);
      }
      case 'PLUS':
        return this.#akool.submitFaceSwapPlus({ ...request, webhookUrl }, options);
    }
  }

  /** Stored before it is sent: while the stored request lacks `opts`, the job surely was not sent. */
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
        if (maybePictures && !this.#signal.aborted && this.#countLook(job) >= MOST_LOOKS) {
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

  /** What was found need not be found again. */
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
    message: `Akool was asked for the faces ${MOST_LOOKS} times, and never gave any (${reason}). Nothing was sent or billed.`,
    providerCode: null,
    retryable: true,
  };
}
