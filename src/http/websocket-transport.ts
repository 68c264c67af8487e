/**
 * The sockets under graphql-ws: pings, what a hostile client may not do, and nothing of GraphQL.
 *
 * In place of graphql-ws's own adapter for `ws`, because that one goes on reading a socket that is being
 * closed (credentials that have run out could still submit), keeps whatever a client does not read, and
 * writes what clients do wrong to the console.
 *
 * A gateway holds thousands of sockets that wait, so what each has for itself is kept small: one object, one
 * clock for all, and nothing of a message once it has been read.
 */
import type { Socket as NetSocket } from 'node:net';
import { CloseCode, type WebSocket as GraphqlSocket, type Server } from 'graphql-ws';
import { WebSocket } from 'ws';
import { GatewayError } from '../errors.js';
import type { Holding } from '../services/limits/held-bytes.js';
import { heardText } from './heard-text.js';
import { hasLongId, MAX_ID_CHARACTERS, messageIn } from './socket-message.js';
import { unreadLimitMs } from './unread.js';

/** A client who lets this much lie unread, in bytes, is cut when there is more. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
/** So many may lie unread on each socket uncounted, in bytes: mostly nothing does when a message is sent. */
const MAX_UNCOUNTED_BYTES = 4 * 1024;
/** What each unread message takes beside its text. */
const MESSAGE_BYTES = 1024;
/** Of all messages, before it is known whose the socket is: credentials have some thousand. */
const MAX_UNKNOWN_BYTES = 64 * 1024;
const NOT_READ = 'A message that is too long, or has too many values or levels of them';
/** For a client of which nothing is read any more to hear that its socket is closed. */
const PAUSED_CLOSE_MS = 1000;
/** RFC 6455's registry: "Try Again Later"; graphql-ws clients do. */
export const TRY_AGAIN_LATER = 1013;
/** A ping is early by at most one part in so many. */
const LOOKS_BETWEEN_PINGS = 64;

/** What the server is to make of each connection: give it as its `WebSocket`. */
export class PingedSocket extends WebSocket {
  /** Whether the last ping was answered. */
  isAlive = true;
  /** By the process's own clock, in milliseconds. Null: nobody has looked yet. */
  lastPingAt: number | null = null;
  /** What is made of it. */
  connection: Connection | null = null;
  /** What carries it. */
  stream: Pick<NetSocket, 'bytesRead'> | null = null;
  /** Of what was read, the bytes of messages, pings and pongs that had ended. */
  endedBytes = 0;

  /** Of a message that has begun and not ended. */
  get unfinishedBytes(): number {
    return (this.stream?.bytesRead ?? 0) - this.endedBytes;
  }
}

/** RFC 6455, section 5.2: of a client's control frame, whose content has 125 bytes at most. */
const CONTROL_HEADER_BYTES = 6;

/** A ping or pong came, which may be between the parts of a message. */
function countControl(this: WebSocket, content: Buffer): void {
  (this as PingedSocket).endedBytes += CONTROL_HEADER_BYTES + content.length;
}

/** Pings each socket every `everyMs`, and cuts those that have not answered the ping before. Returns what ends it. */
export function pingAll(sockets: ReadonlySet<PingedSocket>, everyMs: number): () => void {
  const betweenMs = everyMs / LOOKS_BETWEEN_PINGS;
  const looks = setInterval(() => {
    const now = performance.now();
    for (const socket of sockets) {
      // Those that came together, as after a restart, are not to be pinged together.
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

/** One socket, as graphql-ws sees it, and what is to be kept with it. */
export class Connection implements GraphqlSocket {
  readonly socket: PingedSocket;
  /** Messages that are being dealt with; of an operation, until it has ended or its client has left it. */
  busy = 0;
  /** The bytes of messages that the client has not read; null until it is known whose it is. */
  unread: Holding | null = null;
  /** Whether so many bytes more may be read of it; null until it is known whose it is. */
  mayHear: ((bytes: number) => boolean) | null = null;
  /** Those that were read until then. */
  #unknownBytes = 0;
  /** The bytes of the message that is being handed over. */
  heard = 0;
  /** Ends what it holds, once it has been dealt with, however that ends: for who takes it to set, in the same turn. */
  end: (() => void) | null = null;
  /** What they take, of this socket. */
  #unreadBytes = 0;
  readonly #reportUnexpected: (error: unknown) => void;
  /** Mostly none. */
  #answersDue: Set<object> | null = null;
  /** How it is to be closed; nothing that the client sends is dealt with any more. */
  #leaving: { readonly code: number; readonly reason: string } | null = null;
  #take: (message: unknown) => Promise<void> = async () => {};

  /** @param reportUnexpected is told what goes wrong on our side while a message is dealt with */
  constructor(socket: PingedSocket, reportUnexpected: (error: unknown) => void) {
    this.socket = socket;
    socket.connection = this;
    this.#reportUnexpected = reportUnexpected;
  }

  /** Begins to serve it. */
  open<Extra extends Connection>(this: Extra, graphql: Server<Extra>): void {
    const closed = graphql.opened(this, this);
    const { socket } = this;
    socket.on('error', ignore);
    socket.on('pong', hasAnswered);
    socket.on('pong', countControl);
    socket.on('ping', countControl);
    // Of its binary types, this is the one that is not changed.
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
    // Many small messages are as much as a large one.
    const isCounted = unread > MAX_UNCOUNTED_BYTES;
    // Before it is known whose it is, there is nobody to count it for.
    if (isTooMuch || (isCounted && this.unread?.add(bytes) !== true)) {
      this.socket.terminate();
      return Promise.resolve();
    }
    this.#unreadBytes = unread;
    const timer = isCounted ? setTimeout(() => this.socket.terminate(), unreadLimitMs(unread)) : undefined;
    return new Promise((resolve) => {
      // A send fails when the socket is gone, and then its end is told of anyway.
      this.socket.send(text, () => {
        clearTimeout(timer);
        this.#unreadBytes -= bytes;
        if (isCounted) this.unread?.remove(bytes);
        resolve();
      });
    });
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  /** A client that comes again repeats what was not answered, so the answer to this request is sent before. */
  answerDue(request: object): void {
    this.#answersDue ??= new Set();
    this.#answersDue.add(request);
  }

  get isAnswerDue(): boolean {
    return (this.#answersDue?.size ?? 0) > 0;
  }

  /** It is about to be sent. */
  answered(request: object): void {
    this.#answersDue?.delete(request);
    if (this.#leaving !== null) setImmediate(() => this.#leave());
  }

  /** Closes it once the answers that are due were sent. */
  leave(code: number, reason: string): void {
    this.#leaving ??= { code, reason };
    this.#leave();
  }

  /** Closes it so that clients connect and subscribe again. */
  comeAgain(reason: string): void {
    this.leave(TRY_AGAIN_LATER, reason);
  }

  #leave(): void {
    if (this.#leaving === null || this.isAnswerDue) return;
    this.close(this.#leaving.code, this.#leaving.reason);
    if (this.socket.isPaused) this.#cutSoon();
  }

  /** What else comes is not even received: that alone would be work. */
  #stopReading(): void {
    this.socket.pause();
    if (!this.isOpen) this.#cutSoon();
  }

  /** The client's answer to the close is not heard. */
  #cutSoon(): void {
    setTimeout(() => this.socket.terminate(), PAUSED_CLOSE_MS).unref();
  }

  onMessage(take: (message: string) => Promise<void>): void {
    // It also takes what has been parsed, as its `parseMessage` says; and keeps what it is given.
    this.#take = take as (message: unknown) => Promise<void>;
  }

  /** Without the client's payload: an echo is work that a client gets for nothing. */
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

  /** Null: it is not read, and the socket is closed. */
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

  // Made once: a subscription's message is being dealt with for as long as it is followed.
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

/** A message that only servers send: graphql-ws throws where it closes with 4400 for other invalid ones. */
function isClientsFault(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Unexpected message of type ');
}
