/**
 * The client that calls Akool's Face Swap API over HTTP.
 *
 * ```ts
 * const akool = createAkoolClient({ baseUrl, credentials: { kind: 'api-key', apiKey }, timeoutMs: 30_000 });
 * const outcome = await akool.submitFaceSwap(request);
 * await akool.destroy();
 * ```
 */
import { NO_PROXIES, type Proxies } from '../../outgoing.js';
import type {
  AkoolClient,
  CallOptions,
  DetectedFrame,
  DetectFacesRequest,
  DetectOptions,
  FaceSwapPlusSubmit,
  FaceSwapSubmit,
  ProviderResult,
  SubmitOutcome,
} from './akool-client.js';
import { envelopeOf, readable } from './answer-errors.js';
import { readCredit, readResults } from './answers.js';
import { type AkoolCredentials, AuthorizedCalls } from './authorized-calls.js';
import { AkoolCallError } from './call-error.js';
import { GONE_CODES, NO_RESULT_CODES } from './codes.js';
import { framesOf } from './detection-result.js';
import { secretsOfAddress } from './provider-text.js';
import {
  creditRequest,
  deleteResultsRequest,
  detectFacesRequest,
  faceSwapPlusRequest,
  faceSwapRequest,
  resultsRequest,
  type WireRequest,
} from './requests.js';
import { outcomeWithoutToken, submitOutcome } from './submit-outcome.js';
import { type Verdict, verdictOf } from './verdict.js';

export interface AkoolClientOptions {
  /**
   * Akool's base URL, `https://openapi.akool.com` or a sandbox's. Its path is prepended to the path of each
   * call.
   */
  readonly baseUrl: string;
  readonly credentials: AkoolCredentials;
  /** The timeout of one call in milliseconds, from its first byte to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Default: none. */
  readonly proxies?: Proxies;
  readonly logger?: AkoolLogger | undefined;
}

/** The part of a pino logger used here. It never receives secrets. */
export interface AkoolLogger {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * Does not connect before the first call.
 *
 * @throws TypeError if an option is invalid
 */
export function createAkoolClient(options: AkoolClientOptions): AkoolClient {
  return new HttpAkoolClient(options);
}

/** Ids per call, so that the URL stays well under 2,000 characters. */
const IDS_PER_CALL = 50;

class HttpAkoolClient implements AkoolClient {
  readonly #baseUrl: string;
  readonly #calls: AuthorizedCalls;
  readonly #logger: AkoolLogger | undefined;

  constructor({ logger, ...options }: AkoolClientOptions) {
    this.#baseUrl = options.baseUrl;
    this.#calls = new AuthorizedCalls({
      proxies: NO_PROXIES,
      ...options,
      onTokenRefused: () => logger?.warn({}, 'Akool rejected the token; getting a new one'),
    });
    this.#logger = logger;
  }

  submitFaceSwap(request: FaceSwapSubmit, options?: CallOptions): Promise<SubmitOutcome> {
    return this.#submit('submitFaceSwap', () => faceSwapRequest(request), request.callbackUrl, options);
  }

  submitFaceSwapPlus(request: FaceSwapPlusSubmit, options?: CallOptions): Promise<SubmitOutcome> {
    return this.#submit(
      'submitFaceSwapPlus',
      () => faceSwapPlusRequest(request),
      request.callbackUrl,
      options,
    );
  }

  async results(providerIds: readonly string[], options?: CallOptions): Promise<ProviderResult[]> {
    const results: ProviderResult[] = [];
    for (const ids of batches(providerIds)) results.push(...(await this.#results(ids, options)));
    return results;
  }

  async deleteResults(providerIds: readonly string[], options?: CallOptions): Promise<void> {
    for (const ids of batches(providerIds)) await this.#delete(ids, options);
  }

  async credit(options?: CallOptions): Promise<number> {
    const exchange = await this.#calls.call(creditRequest(), options);
    const { data } = envelopeOf(verdictOf(exchange), this.#calls.secrets);
    return readable(readCredit(data), 'credit');
  }

  async detectFaces(
    request: DetectFacesRequest,
    { forJob = false, signal }: DetectOptions = {},
  ): Promise<DetectedFrame[]> {
    const line = forJob ? 'slots' : 'detections';
    const exchange = await this.#calls.call(detectFacesRequest(request), { signal, line });
    return framesOf(exchange, this.#calls.secrets, this.#baseUrl);
  }

  destroy(): Promise<void> {
    return this.#calls.destroy();
  }

  async #submit(
    call: string,
    build: () => WireRequest,
    callbackUrl: string | null,
    options: CallOptions | undefined,
  ): Promise<SubmitOutcome> {
    const begun = performance.now();
    const outcome = await this.#outcome(build, callbackUrl, options);
    const reason = 'reason' in outcome ? outcome.reason : undefined;
    this.#logger?.debug(
      { call, outcome: outcome.kind, reason, ms: Math.round(performance.now() - begun) },
      'submit',
    );
    return outcome;
  }

  async #outcome(
    build: () => WireRequest,
    callbackUrl: string | null,
    options: CallOptions | undefined,
  ): Promise<SubmitOutcome> {
    try {
      const exchange = await this.#calls.call(build(), { ...options, wantsLate: true, line: 'slots' });
      return submitOutcome(exchange, [...this.#calls.secrets, ...secretsOfAddress(callbackUrl)]);
    } catch (error) {
      if (error instanceof AkoolCallError) return outcomeWithoutToken(error);
      // A bug of ours, and there is no telling whether it happened before or after sending.
      this.#logger?.warn({ err: error }, 'a submit failed inside the gateway');
      return { kind: 'unknown', reason: 'The gateway failed while it submitted the job.' };
    }
  }

  /** If Akool fails because of one id, the others of the batch are requested separately. */
  async #results(ids: readonly string[], options: CallOptions | undefined): Promise<ProviderResult[]> {
    const verdict = verdictOf(await this.#calls.call(resultsRequest(ids), options));
    if (isRefusedBy(verdict, NO_RESULT_CODES)) {
      if (ids.length === 1) return [];
      const middle = Math.ceil(ids.length / 2);
      const first = await this.#results(ids.slice(0, middle), options);
      return [...first, ...(await this.#results(ids.slice(middle), options))];
    }
    const { data } = envelopeOf(verdict, this.#calls.secrets);
    return readable(readResults(data, this.#calls.secrets), 'results');
  }

  /** If one id is already gone, the others of the batch are deleted one by one. */
  async #delete(ids: readonly string[], options: CallOptions | undefined): Promise<void> {
    const verdict = verdictOf(await this.#calls.call(deleteResultsRequest(ids), options));
    if (!isRefusedBy(verdict, GONE_CODES)) envelopeOf(verdict, this.#calls.secrets);
    else if (ids.length > 1) for (const id of ids) await this.#delete([id], options);
  }
}

function isRefusedBy(verdict: Verdict, codes: readonly number[]): boolean {
  return verdict.kind === 'refused' && verdict.code !== null && codes.includes(verdict.code);
}

function batches(ids: readonly string[]): string[][] {
  const unique = [...new Set(ids)];
  const count = Math.ceil(unique.length / IDS_PER_CALL);
  return Array.from({ length: count }, (_, i) => unique.slice(i * IDS_PER_CALL, (i + 1) * IDS_PER_CALL));
}
