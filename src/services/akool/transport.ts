/**
 * The connections to Akool: sends each request at most once.
 *
 * Calls of different kinds take different connections, so that slow answers to one kind hold up no other. A
 * submit least of all: it has a connection whenever there is a slot for it.
 */
import { Pool } from 'undici';
import { DeadlineExceededError } from './deadline.js';
import { type Exchange, HttpExchange } from './exchange.js';

export interface TransportOptions {
  /** `https://host[:port][/prefix]` */
  readonly baseUrl: URL;
  /** Milliseconds for connecting, at most. How long an answer may take is for the signal to say. */
  readonly connectTimeoutMs: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/**
 * Whose connections a call takes: `slots` is for what holds a slot, submits and the faces that they need;
 * `detections` for faces that callers ask for; `questions` for everything else.
 */
export type Line = 'slots' | 'detections' | 'questions';

export interface SendOptions {
  /** Ends the exchange. */
  readonly signal: AbortSignal;
  /** Whether an answer that comes after the time is up is still worth having. */
  readonly wantsLate?: boolean;
  readonly line: Line;
  /** Called when the first byte is written: up to then nothing was sent. */
  readonly onWritten?: () => void;
}

/** Of one line; more calls than these wait. Of `slots` there are as many as are wanted: the slots bound them. */
const MAX_CONNECTIONS = 16;
/**
 * Milliseconds an unused connection is kept. Short, because a submit that meets a server which has just closed
 * the connection is of unknown outcome; balancers keep idle connections for a minute.
 */
const KEEP_ALIVE_MS = 4_000;
/** Bytes. A hundred frames of faces fit several times over. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export class Transport {
  readonly #pools: Readonly<Record<Line, Pool>>;
  readonly #prefix: string;
  /** Those of which something may still come, also those that are late. */
  readonly #open = new Set<HttpExchange>();
  #closed = false;

  constructor({ baseUrl, connectTimeoutMs }: TransportOptions) {
    this.#prefix = baseUrl.pathname.replace(/(?<!\/)\/+$/, '');
    const pool = (connections: number | null): Pool =>
      new Pool(baseUrl.origin, {
        connections,
        // One request at a time on a connection: with more, undici may write a request again.
        pipelining: 1,
        connectTimeout: connectTimeoutMs,
        // Every exchange ends by its signal. undici's own timers would throw away an answer that lies in the socket.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: KEEP_ALIVE_MS,
        keepAliveMaxTimeout: KEEP_ALIVE_MS,
        maxResponseSize: MAX_ANSWER_BYTES,
      });
    this.#pools = {
      slots: pool(null),
      detections: pool(MAX_CONNECTIONS),
      questions: pool(MAX_CONNECTIONS),
    };
  }

  /** Sends `request` at most once. Never rejects. */
  async send(request: HttpRequest, options: SendOptions): Promise<Exchange> {
    const { signal, line, wantsLate = false, onWritten = () => {} } = options;
    if (this.#closed) {
      return { kind: 'not-sent', failure: 'stopped', cause: new Error('the Akool client was destroyed') };
    }
    const exchange = new HttpExchange({ wantsLate, onWritten, onOver: () => this.#open.delete(exchange) });
    const onAbort = (): void =>
      exchange.giveUp(signal.reason instanceof DeadlineExceededError ? 'timeout' : 'stopped', signal.reason);
    this.#open.add(exchange);
    if (signal.aborted) onAbort();
    else {
      signal.addEventListener('abort', onAbort, { once: true });
      this.#pools[line].dispatch(
        {
          method: request.method,
          path: this.#prefix + request.path,
          headers: { accept: 'application/json', ...request.headers },
          body: request.body,
        },
        exchange,
      );
    }
    try {
      return await exchange.outcome;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Takes no new exchanges, ends those in flight as `stopped`, closes the connections. */
  async destroy(): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#open)
      exchange.giveUp('stopped', new Error('the Akool client was destroyed'));
    await Promise.all([...this.#open].map(({ outcome }) => outcome));
    await Promise.all(Object.values(this.#pools).map((pool) => pool.destroy()));
  }
}
