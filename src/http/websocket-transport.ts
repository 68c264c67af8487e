/**
 * The sockets under graphql-ws: pings and limits for hostile clients. Knows nothing of GraphQL.
 *
 * It replaces graphql-ws's own adapter for `ws`, which keeps reading a socket that is being closed (expired credentials
 * could still submit), buffers whatever a client does not read, and writes clients' errors to the console.
 *
 * A gateway holds thousands of idle sockets, so each is kept small: one object, one timer for all, and nothing of a
 * message once it has been read.
 */
import type { Socket as NetSocket } from 'node:net';
import { CloseCode, type WebSocket as GraphqlSocket, type Server } from 'graphql-ws';
import { WebSocket } from 'ws';
import { GatewayError } from '../errors.js';
import { NO_ROOM } from '../services/limits/answer-budget.js';
import type { Holding } from '../services/limits/held-bytes.js';
import { heardText } from './heard-text.js';
import { hasLongId, MAX_ID_CHARACTERS, messageIn } from './socket-message.js';
import { unreadLimitMs } from './unread.js';

/** In bytes. A client with unread data is cut if the next message would exceed this. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
/** In bytes. Up to this, a socket's unread data is not counted: usually there is none when a message is sent. */
const MAX_UNCOUNTED_BYTES = 4 * 1024;
/** What each unread message takes in addition to its text. */
const MESSAGE_BYTES = 1024;
/** In bytes, for all messages before authentication; credentials take a few thousand. */
const MAX_UNKNOWN_BYTES = 64 * 1024;
const NOT_READ = 'Message too long, or too many values or nesting levels';
/** The time for a client whose messages are no longer read to receive the close. */
const PAUSED_CLOSE_MS = 1000;
/** "Try Again Later" in RFC 6455's registry; graphql-ws clients reconnect. */
export const TRY_AGAIN_LATER = 1013;
/** Checks per ping interval; a ping is early by at most the time between two of them. */
const LOOKS_BETWEEN_PINGS = 64;

/** The class of all sockets; pass it to the server as `WebSocket`. */
export class PingedSocket extends WebSocket {
  /** Whether the last ping was answered. */
  isAlive = true;
  /** On the monotonic clock, in milliseconds; null before the first check. */
  lastPingAt: number | null = null;
  connection: Connection | null = null;
  /** The underlying network connection. */
  stream: Pick<NetSocket, 'bytesRead'> | null = null;
  /** How many of the bytes read belong to complete messages, pings and pongs. */
  endedBytes = 0;

  /** The bytes of a message that has begun but not ended. */
  get unfinishedBytes(): number {
    return (this.stream?.bytesRead ?? 0) - this.endedBytes;
  }
}

/** RFC 6455, section 5.2, for a client's control frame, whose content has at most 125 bytes. */
const CONTROL_HEADER_BYTES = 6;

/** Counts a ping or pong, which may arrive between the parts of a message. */
function countControl(this: WebSocket, content: Buffer): void {
  (this as PingedSocket).endedBytes += CONTROL_HEADER_BYTES + content.length;
}

/** Pings each socket every `everyMs`, and cuts those that did not answer the last ping. Returns a function to stop. */
export function pingAll(sockets: ReadonlySet<PingedSocket>, everyMs: number): () => void {
  const betweenMs = everyMs / LOOKS_BETWEEN_PINGS;
  const looks = setInterval(() => {
    const now = performance.now();
    for (const socket of sockets) {
      // Spreads the pings of sockets that connected together, as after a restart.
      socket.lastPingAt ??= now - Math.random() * everyMs;
      if (now - socket.lastPingAt < everyMs - betweenMs) continue;
      if (socket.isAlive) ping(socket, now);
      else socket.terminate();
    }
  }, betweenMs);
  return () => clearInterval(looks);
}

function ping(socket: PingedSocket, now: number): void {
  socket.isAlive = false;
  socket.lastPingAt = now;
  if (socket.readyState === socket.OPEN) socket.ping();
}

function hasAnswered(this: WebSocket): void {
  (this as PingedSocket).isAlive = true;
}

/** `ws` closes with the right code by itself; without a listener the error would end the process. */
function ignore(): void {}

/** RFC 6455, section 5.5: a close frame has room for this many bytes of text. */
const MAX_REASON_BYTES = 123;

/** graphql-ws quotes ids, which may be long, and closing with too long a reason would fail. */
function shortened(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  const cut = Buffer.from(reason).subarray(0, MAX_REASON_BYTES - 3);
  // The last character may have been cut in half.
  return `${cut.toString().replace(/(?<!\uFFFD)\uFFFD+$/, '')}…`;
}

/** One socket as graphql-ws sees it, with the state that belongs to it. */
export class Connection implements GraphqlSocket {
  readonly socket: PingedSocket;
  /** Messages in progress; that of an operation counts until it has ended or its client has left it. */
  busy = 0;
  /** The bytes of messages that the client has not read; null until it has authenticated. */
  unread: Holding | null = null;
  /** Whether this many more bytes may be read; null until the client has authenticated. */
  mayHear: ((bytes: number) => boolean) | null = null;
  /** The bytes read before authentication. */
  #unknownBytes = 0;
  /** The size in bytes of the message that is being handed over. */
  heard = 0;
  /** Releases what the message holds once it has been handled, or has failed. Set by the handler in the same turn. */
  end: (() => void) | null = null;
  /** What the unread messages of this socket take. */
  #unreadBytes = 0;
  readonly #reportUnexpected: (error: unknown) => void;
  /** Requests to answer before the socket may close; usually none. */
  #answersDue: Set<object> | null = null;
  /** How to close the socket; once set, messages from the client are ignored. */
  #leaving: { readonly code: number; readonly reason: string } | null = null;
  #take: (message: unknown) => Promise<void> = async () => {};

  /** @param reportUnexpected receives our own errors in handling a message */
  constructor(socket: PingedSocket, reportUnexpected: (error: unknown) => void) {
    this.socket = socket;
    socket.connection = this;
    this.#reportUnexpected = reportUnexpected;
  }

  /** Begins to serve the socket. */
  open<Extra extends Connection>(this: Extra, graphql: Server<Extra>): void {
    const closed = graphql.opened(this, this);
    const { socket } = this;
    socket.on('error', ignore);
    socket.on('pong', hasAnswered);
    socket.on('pong', countControl);
    socket.on('ping', countControl);
    // A Buffer, because the socket's binary type is left at its default.
    socket.on('message', (data) => this.#hear(data as Buffer));
    socket.once('close', (code, reason) => {
      Promise.resolve(closed(code, String(reason))).catch(this.#reportUnexpected);
    });
  }

  get protocol(): string {
    return this.socket.protocol;
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  send(text: string): Promise<void> {
    if (!this.isOpen) return Promise.resolve();
    const before = this.#unreadBytes;
    const bytes = MESSAGE_BYTES + Buffer.byteLength(text);
    const unread = before + bytes;
    const isTooMuch = before > 0 && unread > MAX_UNREAD_BYTES;
    // Many small messages count like a large one.
    const isCounted = unread > MAX_UNCOUNTED_BYTES;
    // Before authentication there is no caller to count it for.
    if (isTooMuch || (isCounted && this.unread === null)) {
      this.socket.terminate();
      return Promise.resolve();
    }
    if (isCounted && this.unread?.add(bytes) === false) {
      this.comeAgain(NO_ROOM);
      // Still open if answers are due; but what follows this message must not be sent without it.
      if (this.isOpen) this.socket.terminate();
      return Promise.resolve();
    }
    this.#unreadBytes = unread;
    const timer = isCounted ? setTimeout(() => this.socket.terminate(), unreadLimitMs(unread)) : undefined;
    return new Promise((resolve) => {
      // A send fails when the socket is gone, which its `close` event reports anyway.
      this.socket.send(text, () => {
        clearTimeout(timer);
        this.#unreadBytes -= bytes;
        if (isCounted) this.unread?.remove(bytes);
        resolve();
      });
    });
  }

  close(code: number, reason: string): void {
    this.socket.close(code, shortened(reason));
  }

  /** Delays closing until this request is answered, because a client that reconnects repeats unanswered requests. */
  answerDue(request: object): void {
    this.#answersDue ??= new Set();
    this.#answersDue.add(request);
  }

  get isAnswerDue(): boolean {
    return (this.#answersDue?.size ?? 0) > 0;
  }

  /** Call it when the answer is about to be sent. */
  answered(request: object): void {
    this.#answersDue?.delete(request);
    if (this.#leaving !== null) setImmediate(() => this.#leave());
  }

  /** Closes the socket once the answers that are due have been sent. */
  leave(code: number, reason: string): void {
    this.#leaving ??= { code, reason };
    this.#leave();
  }

  /** Closes the socket so that the client reconnects and subscribes again. */
  comeAgain(reason: string): void {
    this.leave(TRY_AGAIN_LATER, reason);
  }

  #leave(): void {
    if (this.#leaving === null || this.isAnswerDue) return;
    this.close(this.#leaving.code, this.#leaving.reason);
    if (this.socket.isPaused) this.#cutSoon();
  }

  /** Stops receiving data as well, because that alone is work. */
  #stopReading(): void {
    this.socket.pause();
    if (!this.isOpen) this.#cutSoon();
  }

  /** For a socket that is not read, so that the client's answer to the close is not noticed. */
  #cutSoon(): void {
    setTimeout(() => this.socket.terminate(), PAUSED_CLOSE_MS).unref();
  }

  onMessage(take: (message: string) => Promise<void>): void {
    // graphql-ws also accepts parsed messages (see its `parseMessage`), and keeps what it is given.
    this.#take = take as (message: unknown) => Promise<void>;
  }

  /** Without the client's payload: an echo would let clients cause work for free. */
  onPing(): void {
    void this.send('{"type":"pong"}');
  }

  #hear(data: Buffer): void {
    this.socket.endedBytes += this.socket.unfinishedBytes;
    if (!this.isOpen || this.#leaving !== null) {
      this.#stopReading();
      return;
    }
    const text = this.#textOf(data);
    if (text === null) return;
    const message = messageIn(text);
    if (hasLongId(message)) {
      this.close(CloseCode.BadRequest, `An id of more than ${MAX_ID_CHARACTERS} characters`);
      return;
    }
    this.busy += 1;
    this.heard = data.length;
    const dealtWith = this.#take(message).then(this.#done, this.#failed);
    const { end } = this;
    if (end === null) return;
    this.end = null;
    void dealtWith.then(end);
  }

  /** Returns null if the message is refused; the socket is then closed. */
  #textOf(data: Buffer): string | null {
    try {
      return heardText(data, this.mayHear ?? ((bytes) => this.#mayHearUnknown(bytes)));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#stopReading();
      if (error.code === 'RATE_LIMITED' && this.mayHear !== null) this.comeAgain(error.message);
      else this.leave(CloseCode.BadRequest, NOT_READ);
      return null;
    }
  }

  #mayHearUnknown(bytes: number): boolean {
    this.#unknownBytes += bytes;
    return this.#unknownBytes <= MAX_UNKNOWN_BYTES;
  }

  // Created once, because a subscription's message stays in progress as long as the subscription.
  readonly #done = (): void => {
    this.busy -= 1;
  };

  readonly #failed = (error: unknown): void => {
    this.busy -= 1;
    if (isClientsFault(error)) {
      this.close(CloseCode.BadRequest, 'Invalid message received');
    } else if (error instanceof GatewayError) {
      this.comeAgain(error.message);
    } else {
      this.#reportUnexpected(error);
      this.close(CloseCode.InternalServerError, 'Internal server error');
    }
  };
}

/** For a message that only servers send, graphql-ws throws; for other invalid ones it closes with 4400. */
function isClientsFault(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Unexpected message of type ');
}
