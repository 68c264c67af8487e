/**
 * One HTTP exchange with Akool over undici, which knows for certain whether the request was sent.
 *
 * States: waiting for a connection → written → over; or written → late → over, if it times out and an answer
 * is still wanted.
 *
 * undici calls `onRequestStart` in the same turn in which it writes a request to a connected (and, with TLS,
 * authenticated) socket, and at no other time. So if a request fails before that call, no byte of it was
 * written; if it fails afterwards, it may have arrived. The error code cannot distinguish the two: a reset is
 * ECONNRESET in both cases. The same call is used to stop a request: one that was given up while it waited
 * for a connection, or that undici is about to write a second time, is aborted there before it is written.
 *
 * Before an exchange is given up, its socket is read once more. If this process was suspended for a while (a
 * busy machine, a paused container), its timers fire before its sockets are read, and the answer may already
 * be there.
 */
import type { Dispatcher } from 'undici';

type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/**
 * What ended an exchange without an answer: the timeout, the caller (or `destroy`), the network, or an
 * invalid response.
 */
export type Failure = 'timeout' | 'stopped' | 'connection' | 'unreadable';

export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: AnswerHeaders;
      readonly body: Buffer;
    }
  /** No byte of the request was written, and none will be. */
  | ({ readonly kind: 'not-sent' } & Silence)
  /** The request may have arrived, partly or completely. */
  | ({
      readonly kind: 'no-answer';
      /** The late answer; null if it is not awaited. Never rejects. */
      readonly late: Promise<Exchange> | null;
    } & Silence);

/** Why there is no answer, and from whom. */
export interface Silence {
  readonly failure: Failure;
  readonly cause: unknown;
  /** Host and port. */
  readonly host: string;
}

/** How long to listen for a late answer after the timeout, in milliseconds. */
const LATE_ANSWER_MS = 5 * 60_000;
/** After this many turns of the event loop without news, there is nothing left to read in a socket. */
const TURNS_WITHOUT_NEWS = 2;

interface HttpExchangeOptions {
  /** The host and port of the server. */
  readonly host: string;
  /** Whether to keep listening for an answer after the timeout. */
  readonly wantsLate: boolean;
  /** Called when the first byte is written. */
  readonly onWritten: () => void;
  /** Called once nothing more can arrive. */
  readonly onOver: () => void;
}

export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly #options: HttpExchangeOptions;
  #state: 'waiting' | 'written' | 'late' | 'over' = 'waiting';
  #settle: (exchange: Exchange) => void = () => {};
  #controller: Dispatcher.DispatchController | null = null;
  #lateTimer: NodeJS.Timeout | undefined;
  #answer: { readonly status: number; readonly headers: AnswerHeaders } | null = null;
  readonly #chunks: Buffer[] = [];
  /** The number of pieces of the answer received so far. */
  #news = 0;
  /** Never rejects. */
  readonly outcome = new Promise<Exchange>((resolve) => {
    this.#settle = resolve;
  });

  constructor(options: HttpExchangeOptions) {
    this.#options = options;
  }

  /** Ends the exchange, unless its answer has arrived. A request that is still waiting will not be written. */
  giveUp(failure: Failure, reason: unknown): void {
    const cause = reason instanceof Error ? reason : new Error('stopped');
    if (this.#state === 'waiting') this.#fail(failure, cause);
    else this.#onceRead(() => this.#giveUpNow(failure, cause));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#state === 'waiting') {
      this.#state = 'written';
      this.#controller = controller;
      this.#options.onWritten();
      return;
    }
    // It was given up while it waited, or is about to be written twice: this is the last moment to stop it.
    const cause = new Error('the request is no longer wanted');
    controller.abort(cause);
    this.#fail('connection', cause);
  }

  onResponseStart(_controller: unknown, status: number, headers: AnswerHeaders): void {
    this.#news += 1;
    if (status >= 200) this.#answer = { status, headers };
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#news += 1;
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#answer === null) this.#fail('unreadable', new Error('a response without a status'));
    else this.#end({ kind: 'answered', ...this.#answer, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#fail(failureOf(error), error);
  }

  /** Calls `then` once everything available has been read from the socket, unless that ended the exchange. */
  #onceRead(then: () => void): void {
    let seen = this.#news;
    let turns = 0;
    const look = (): void => {
      if (this.#state === 'over') return;
      turns = this.#news === seen ? turns + 1 : 0;
      seen = this.#news;
      if (turns < TURNS_WITHOUT_NEWS) setImmediate(look);
      else then();
    };
    setImmediate(look);
  }

  #giveUpNow(failure: Failure, cause: Error): void {
    if (this.#state === 'written' && failure === 'timeout' && this.#options.wantsLate) {
      const tell = this.#settle;
      const late = new Promise<Exchange>((resolve) => {
        this.#settle = resolve;
      });
      this.#state = 'late';
      this.#lateTimer = setTimeout(() => this.giveUp('timeout', cause), LATE_ANSWER_MS).unref();
      tell({ kind: 'no-answer', ...this.#silence(failure, cause), late });
      return;
    }
    this.#fail(failure, cause);
    this.#controller?.abort(cause);
  }

  #fail(failure: Failure, cause: unknown): void {
    const silence = this.#silence(failure, cause);
    if (this.#state === 'waiting') this.#end({ kind: 'not-sent', ...silence });
    else this.#end({ kind: 'no-answer', ...silence, late: null });
  }

  #silence(failure: Failure, cause: unknown): Silence {
    return { failure, cause, host: this.#options.host };
  }

  #end(exchange: Exchange): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    clearTimeout(this.#lateTimer);
    this.#settle(exchange);
    this.#options.onOver();
  }
}

/** Classifies undici's and Node's errors. A connect timeout is a network failure, not a slow answer. */
function failureOf(error: Error): Failure {
  switch ('code' in error ? error.code : error.name) {
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return 'unreadable';
    default:
      // llhttp's codes (HPE_…) are on an HTTPParserError.
      return error.name === 'HTTPParserError' ? 'unreadable' : 'connection';
  }
}
