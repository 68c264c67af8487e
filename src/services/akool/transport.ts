/**
 * The connections to Akool. Sends each request at most once.
 *
 * Different kinds of calls use different connections, so that slow answers to one kind do not delay the
 * others. This matters most for submits, which have a connection whenever there is a slot.
 */
import { Outgoing, type Proxies } from '../../outgoing.js';
import { USER_AGENT } from '../../user-agent.js';
import { DeadlineExceededError } from './deadline.js';
import { type Exchange, HttpExchange } from './exchange.js';

interface TransportOptions {
  /** `https://host[:port][/prefix]` */
  readonly baseUrl: URL;
  /** The connect timeout in milliseconds. The signal limits the time for an answer. */
  readonly connectTimeoutMs: number;
  readonly proxies: Proxies;
}

interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/**
 * Which connections a call uses: `slots` for calls that hold a slot (submits and their face detection),
 * `detections` for callers' own face detection, `questions` for everything else.
 */
export type Line = 'slots' | 'detections' | 'questions';

export interface SendOptions {
  /** Aborts the exchange. */
  readonly signal: AbortSignal;
  /** Whether to keep listening for an answer after the timeout. */
  readonly wantsLate?: boolean;
  readonly line: Line;
  /** Called when the first byte is written; until then nothing was sent. */
  readonly onWritten?: () => void;
}

/** Per line; further calls wait. `slots` has no limit of its own, because the slots limit it. */
const MAX_CONNECTIONS = 16;
/**
 * How long an idle connection is kept, in milliseconds. Short, because a submit on a connection that the
 * server has just closed has an unknown outcome; load balancers keep idle connections for a minute.
 */
const KEEP_ALIVE_MS = 4_000;
/** In bytes. A hundred frames of faces fit several times over. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export class Transport {
  readonly #lines: Readonly<Record<Line, Outgoing>>;
  readonly #baseUrl: URL;
  readonly #prefix: string;
  /** Exchanges that may still receive something, including late ones. */
  readonly #open = new Set<HttpExchange>();
  #closed = false;

  constructor({ baseUrl, connectTimeoutMs, proxies }: TransportOptions) {
    this.#baseUrl = baseUrl;
    this.#prefix = baseUrl.pathname.replace(/(?<!\/)\/+$/, '');
    const line = (connections: number | null): Outgoing =>
      new Outgoing(proxies, {
        connections,
        // With more than one request at a time on a connection, undici may write a request again.
        pipelining: 1,
        connectTimeoutMs,
        // Every exchange ends by its signal. undici's own timers would discard an answer that is waiting in
        // the socket.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: KEEP_ALIVE_MS,
        keepAliveMaxTimeout: KEEP_ALIVE_MS,
        maxResponseSize: MAX_ANSWER_BYTES,
      });
    this.#lines = {
      slots: line(null),
      detections: line(MAX_CONNECTIONS),
      questions: line(MAX_CONNECTIONS),
    };
  }

  /** Sends `request` at most once. Never rejects. */
  async send(request: HttpRequest, options: SendOptions): Promise<Exchange> {
    const { signal, line, wantsLate = false, onWritten = () => {} } = options;
    const { host, origin } = this.#baseUrl;
    if (this.#closed) {
      const cause = new Error('the Akool client was destroyed');
      return { kind: 'not-sent', failure: 'stopped', cause, host };
    }
    const onOver = (): void => void this.#open.delete(exchange);
    const exchange = new HttpExchange({ host, wantsLate, onWritten, onOver });
    const onAbort = (): void =>
      exchange.giveUp(signal.reason instanceof DeadlineExceededError ? 'timeout' : 'stopped', signal.reason);
    this.#open.add(exchange);
    if (signal.aborted) onAbort();
    else {
      signal.addEventListener('abort', onAbort, { once: true });
      this.#lines[line].to(this.#baseUrl).dispatch(
        {
          origin,
          method: request.method,
          path: this.#prefix + request.path,
          headers: { accept: 'application/json', 'user-agent': USER_AGENT, ...request.headers },
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

  /** Accepts no new exchanges, ends those in flight as `stopped`, and closes the connections. */
  async destroy(): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#open)
      exchange.giveUp('stopped', new Error('the Akool client was destroyed'));
    await Promise.all([...this.#open].map(({ outcome }) => outcome));
    await Promise.all(Object.values(this.#lines).map((connections) => connections.destroy()));
  }
}
