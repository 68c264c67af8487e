/**
 * One HTTP exchange with Akool, and the certainty whether the request left.
 *
 * undici calls `onRequestStart` in the same turn in which it writes a request to a connected (and, over TLS,
 * authenticated) socket, and at no other time. So a failure before it is a request of which no byte was ever
 * written, and a failure after it is one that may have arrived. The error's own code cannot tell: a reset is
 * ECONNRESET on both sides of that line. The same call is where a request is held back: one that was given up
 * while it waited for a connection, or that undici would want to write a second time, is aborted there before
 * it is written.
 */
import { type Dispatcher, Pool } from 'undici';
import { DeadlineExceededError } from './deadline.js';

export interface TransportOptions {
  /** `https://host[:port][/prefix]` */
  readonly baseUrl: URL;
  /** Milliseconds, for connecting, for the first byte, and between bytes. */
  readonly timeoutMs: number;
}

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** What ended an exchange without an answer: the time, the caller (or `destroy`), the network, or nonsense. */
export type Failure = 'timeout' | 'stopped' | 'connection' | 'unreadable';

export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: AnswerHeaders;
      readonly body: Buffer;
    }
  /** No byte of the request was written, and none will be. */
  | { readonly kind: 'not-sent'; readonly failure: Failure; readonly cause: unknown }
  /** The request may have arrived, in part or whole. */
  | { readonly kind: 'no-answer'; readonly failure: Failure; readonly cause: unknown };

/** Connections kept to Akool. More calls than these wait, within their own deadline. */
const MAX_CONNECTIONS = 16;
/** Milliseconds. A host that does not take a connection in this time is tried again later, not waited for. */
const MAX_CONNECT_TIMEOUT_MS = 10_000;
/**
 * Milliseconds an unused connection is kept. Short, because a submit that meets a server which has just closed
 * the connection is of unknown outcome; balancers keep idle connections for a minute.
 */
const KEEP_ALIVE_MS = 4_000;
/** Bytes. A hundred frames of faces fit several times over. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export class Transport {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #inFlight = new Set<Promise<Exchange>>();
  /** What ends each exchange in flight, for `destroy`. */
  readonly #stops = new Set<() => void>();
  #closed = false;

  constructor({ baseUrl, timeoutMs }: TransportOptions) {
    this.#prefix = baseUrl.pathname.replace(/\/+$/, '');
    this.#pool = new Pool(baseUrl.origin, {
      connections: MAX_CONNECTIONS,
      // One request at a time on a connection: with more, undici may write a request again.
      pipelining: 1,
      connectTimeout: Math.min(timeoutMs, MAX_CONNECT_TIMEOUT_MS),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  /** Sends `request` at most once. Never rejects. */
  async send(request: HttpRequest, signal: AbortSignal): Promise<Exchange> {
    if (this.#closed) {
      return { kind: 'not-sent', failure: 'stopped', cause: new Error('the Akool client is closed') };
    }
    const exchange = this.#exchange(request, signal);
    this.#inFlight.add(exchange);
    try {
      return await exchange;
    } finally {
      this.#inFlight.delete(exchange);
    }
  }

  /** Takes no new exchanges, lets those in flight end, closes the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#inFlight);
    // Not `Pool.close`: it would wait for connection attempts that nobody wants any more.
    await this.#pool.destroy();
  }

  /** Ends the exchanges in flight as `stopped`, closes the connections. */
  async destroy(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    await this.close();
  }

  #exchange(request: HttpRequest, signal: AbortSignal): Promise<Exchange> {
    return new Promise((resolve) => {
      let writing: Dispatcher.DispatchController | null = null;
      let settled = false;
      let answer: { status: number; headers: AnswerHeaders } | null = null;
      const chunks: Buffer[] = [];

      const settle = (exchange: Exchange): void => {
        if (settled) return;
        settled = true;
        signal.removeEventListener('abort', onAbort);
        this.#stops.delete(onStop);
        resolve(exchange);
      };
      const fail = (failure: Failure, cause: unknown): void => {
        settle({ kind: writing === null ? 'not-sent' : 'no-answer', failure, cause });
      };
      const giveUp = (failure: Failure, reason: unknown): void => {
        const cause = reason instanceof Error ? reason : new Error('stopped');
        fail(failure, cause);
        writing?.abort(cause);
      };
      const onAbort = (): void =>
        giveUp(signal.reason instanceof DeadlineExceededError ? 'timeout' : 'stopped', signal.reason);
      const onStop = (): void => giveUp('stopped', new Error('the Akool client was destroyed'));

      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#stops.add(onStop);

      this.#pool.dispatch(
        {
          method: request.method,
          path: this.#prefix + request.path,
          headers: { accept: 'application/json', ...request.headers },
          body: request.body,
        },
        {
          onRequestStart: (controller) => {
            if (settled || writing !== null) {
              // Given up while it waited, or about to be written twice: this is the last moment to stop it.
              const cause = new Error('the request is no longer wanted');
              controller.abort(cause);
              fail('connection', cause);
              return;
            }
            writing = controller;
          },
          onResponseStart: (_controller, status, headers) => {
            if (status >= 200) answer = { status, headers };
          },
          onResponseData: (_controller, chunk) => {
            chunks.push(chunk);
          },
          onResponseEnd: () => {
            if (answer === null) fail('unreadable', new Error('an answer without a status'));
            else settle({ kind: 'answered', ...answer, body: Buffer.concat(chunks) });
          },
          onResponseError: (_controller, error) => fail(failureOf(error), error),
        },
      );
    });
  }
}

/** The name for undici's and Node's errors. A connect timeout is the network's doing, not a slow answer. */
function failureOf(error: Error): Failure {
  switch ('code' in error ? error.code : error.name) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return 'timeout';
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return 'unreadable';
    default:
      // llhttp's own codes (HPE_…) come on an HTTPParserError.
      return error.name === 'HTTPParserError' ? 'unreadable' : 'connection';
  }
}
