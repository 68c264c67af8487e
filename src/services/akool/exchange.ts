/**
 * One HTTP exchange with Akool as undici tells of it, and the certainty whether the request left.
 *
 * States: waiting for a connection → written → over; or written → late → over, when its time is up and an answer
 * is still worth having.
 *
 * undici calls `onRequestStart` in the same turn in which it writes a request to a connected (and, over TLS,
 * authenticated) socket, and at no other time. So a failure before it is a request of which no byte was ever
 * written, and a failure after it is one that may have arrived. The error's own code cannot tell: a reset is
 * ECONNRESET on both sides of that line. The same call is where a request is held back: one that was given up
 * while it waited for a connection, or that undici would want to write a second time, is aborted there before
 * it is written.
 *
 * An exchange that is given up is looked at once more before it is. When this process was stopped for a while (a
 * busy machine, a paused container), its timers fire before its sockets are read, and the answer may lie there.
 */
import type { Dispatcher } from 'undici';

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

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
  | {
      readonly kind: 'no-answer';
      readonly failure: Failure;
      readonly cause: unknown;
      /** What comes after all; null where nobody listens any more. Never rejects. */
      readonly late: Promise<Exchange> | null;
    };

/** Milliseconds that an answer is listened for after its time is up, where it is still wanted. */
const LATE_ANSWER_MS = 5 * 60_000;
/** Turns of the event loop without news after which there is nothing left to read in a socket. */
const TURNS_WITHOUT_NEWS = 2;

export interface HttpExchangeOptions {
  /** Whether an answer that comes after the time is up is still worth having. */
  readonly wantsLate: boolean;
  /** Called when the first byte is written. */
  readonly onWritten: () => void;
  /** Called once nothing more can come. */
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
  /** Pieces of an answer so far. */
  #news = 0;
  /** Never rejects. */
  readonly outcome = new Promise<Exchange>((resolve) => {
    this.#settle = resolve;
  });

  constructor(options: HttpExchangeOptions) {
    this.#options = options;
  }

  /** Ends it, unless its answer is here already. A request that still waits is not going to be written. */
  giveUp(failure: Failure, reason: unknown): void {
    const cause = reason instanceof Error ? reason : new Error('stopped');
    if (this.#state === 'waiting') this.#end({ kind: 'not-sent', failure, cause });
    else this.#onceRead(() => this.#giveUpNow(failure, cause));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#state === 'waiting') {
      this.#state = 'written';
      this.#controller = controller;
      this.#options.onWritten();
      return;
    }
    // Given up while it waited, or about to be written twice: this is the last moment to stop it.
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
    if (this.#answer === null) this.#fail('unreadable', new Error('an answer without a status'));
    else this.#end({ kind: 'answered', ...this.#answer, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#fail(failureOf(error), error);
  }

  /** Calls `then` when the socket has been read as far as it goes, unless that was the end. */
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
      tell({ kind: 'no-answer', failure, cause, late });
      return;
    }
    this.#fail(failure, cause);
    this.#controller?.abort(cause);
  }

  #fail(failure: Failure, cause: unknown): void {
    if (this.#state === 'waiting') this.#end({ kind: 'not-sent', failure, cause });
    else this.#end({ kind: 'no-answer', failure, cause, late: null });
  }

  #end(exchange: Exchange): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    clearTimeout(this.#lateTimer);
    this.#settle(exchange);
    this.#options.onOver();
  }
}

/** The name for undici's and Node's errors. A connect timeout is the network's doing, not a slow answer. */
function failureOf(error: Error): Failure {
  switch ('code' in error ? error.code : error.name) {
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return 'unreadable';
    default:
      // llhttp's own codes (HPE_…) come on an HTTPParserError.
      return error.name === 'HTTPParserError' ? 'unreadable' : 'connection';
  }
}
