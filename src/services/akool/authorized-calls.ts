/**
 * One call to Akool with its deadline and credentials: an API key, or a token that is renewed when it is
 * rejected.
 *
 * Akool accepts `x-api-key` or `Authorization: Bearer`. If both are sent it ignores the key, so only one is
 * sent.
 */
import { parseUrl } from '../../http-url.js';
import type { Proxies } from '../../outgoing.js';
import { AkoolCallError } from './call-error.js';
import { TOKEN_CODES } from './codes.js';
import { Deadline } from './deadline.js';
import type { Exchange } from './exchange.js';
import type { WireRequest } from './requests.js';
import { TokenKeeper } from './token.js';
import { type Line, type SendOptions, Transport } from './transport.js';
import { verdictOf } from './verdict.js';

export type AkoolCredentials =
  | { readonly kind: 'api-key'; readonly apiKey: string }
  | { readonly kind: 'token'; readonly clientId: string; readonly clientSecret: string };

interface AuthorizedCallsOptions {
  readonly baseUrl: string;
  readonly credentials: AkoolCredentials;
  /** The timeout of one call in milliseconds, from its first byte on. */
  readonly timeoutMs: number;
  readonly proxies: Proxies;
  readonly onTokenRefused: () => void;
}

interface AuthorizedCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether to keep listening for an answer after the timeout. */
  readonly wantsLate?: boolean;
  readonly line?: Line;
}

/**
 * The maximum time in milliseconds to get a token and a connection, before the first byte of a call is
 * written. After that the call is retried later. A call that holds a slot may take this much longer, which is
 * within the grace of `ReconcilerSettings`.
 */
const MAX_WAY_MS = 10_000;

export class AuthorizedCalls {
  readonly #transport: Transport;
  readonly #credentials: AkoolCredentials;
  readonly #keeper: TokenKeeper | null;
  readonly #timeoutMs: number;
  readonly #wayMs: number;
  readonly #onTokenRefused: () => void;

  constructor({ baseUrl, credentials, timeoutMs, proxies, onTokenRefused }: AuthorizedCallsOptions) {
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1)
      throw new TypeError('timeoutMs must be an integer of at least 1');
    if (credentials.kind === 'api-key' && !/^[\x21-\x7e]+$/.test(credentials.apiKey)) {
      // Checked here, it fails once at the start; in requests it would look like a permanent network failure.
      throw new TypeError('the API key must be printable ASCII without blanks, to be sent as a header');
    }
    this.#wayMs = Math.min(timeoutMs, MAX_WAY_MS);
    this.#transport = new Transport({ baseUrl: addressOf(baseUrl), connectTimeoutMs: this.#wayMs, proxies });
    this.#credentials = credentials;
    this.#keeper =
      credentials.kind === 'token'
        ? new TokenKeeper({ transport: this.#transport, timeoutMs, ...credentials })
        : null;
    this.#timeoutMs = timeoutMs;
    this.#onTokenRefused = onTokenRefused;
  }

  /** Texts that no message may contain. */
  get secrets(): string[] {
    const credentials = this.#credentials;
    if (credentials.kind === 'api-key') return [credentials.apiKey];
    const token = this.#keeper?.present;
    return [credentials.clientId, credentials.clientSecret, ...(token ? [token] : [])];
  }

  /**
   * Sends `request` once; its timeout begins when it is written. Sends it a second time only after Akool
   * rejected its token, which means that it was definitely not accepted.
   *
   * @throws AkoolCallError if there is no token to send it with, so it was definitely not accepted
   */
  async call(
    request: WireRequest,
    { signal, wantsLate = false, line = 'questions' }: AuthorizedCallOptions = {},
  ): Promise<Exchange> {
    const deadline = new Deadline(this.#wayMs, signal);
    const options: SendOptions = {
      signal: deadline.signal,
      wantsLate,
      line,
      onWritten: () => deadline.restart(this.#timeoutMs),
    };
    try {
      const keeper = this.#keeper;
      if (keeper === null) return await this.#send(request, this.#keyHeader(), options);
      const token = await tokenInTime(keeper, null, deadline);
      const exchange = await this.#send(request, bearer(token), options);
      if (!turnsTokenDown(exchange)) return exchange;
      this.#onTokenRefused();
      const fresh = await tokenInTime(keeper, token, deadline);
      return await this.#send(request, bearer(fresh), options);
    } finally {
      deadline.dispose();
    }
  }

  destroy(): Promise<void> {
    return this.#transport.destroy();
  }

  #keyHeader(): Record<string, string> {
    return this.#credentials.kind === 'api-key' ? { 'x-api-key': this.#credentials.apiKey } : {};
  }

  #send(request: WireRequest, wayIn: Record<string, string>, options: SendOptions): Promise<Exchange> {
    const { method, path } = request;
    if (request.body === null)
      return this.#transport.send({ method, path, headers: wayIn, body: null }, options);
    const headers = { 'content-type': 'application/json', ...wayIn };
    return this.#transport.send({ method, path, headers, body: JSON.stringify(request.body) }, options);
  }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function turnsTokenDown(exchange: Exchange): boolean {
  const verdict = verdictOf(exchange);
  return verdict.kind === 'refused' && verdict.code !== null && TOKEN_CODES.includes(verdict.code);
}

async function tokenInTime(keeper: TokenKeeper, failed: string | null, deadline: Deadline): Promise<string> {
  try {
    return await deadline.race(keeper.token(failed));
  } catch (error) {
    if (error instanceof AkoolCallError) throw error;
    throw deadline.expired
      ? new AkoolCallError('TIMEOUT', 'Akool returned no token in time.', { cause: error })
      : new AkoolCallError('UNREACHABLE', 'The call was stopped while it waited for a token.', {
          cause: error,
        });
  }
}

function addressOf(baseUrl: string): URL {
  const url = parseUrl(baseUrl);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new TypeError('baseUrl must be an http(s) URL');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new TypeError('baseUrl must not contain a user name, password, query or fragment');
  }
  return url;
}
