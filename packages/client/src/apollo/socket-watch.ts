/** Notices that a connection has died without a word, which no event of a WebSocket tells. */
import { MessageType, stringifyMessage } from 'graphql-ws/client';
import type { FaceSwapOptions } from '../face-swap.js';

/** How long opening a connection may take, up to the gateway's acknowledgement. */
const CONNECT_MS = 8000;
/** How long the answer to a ping may take. */
const PONG_MS = 4000;
/** As in `TerminatedCloseEvent` of graphql-ws, which connects anew after it. */
const TERMINATED = { code: 4499, reason: 'Terminated', wasClean: false };

/** A WebSocket class whose connections are watched from their beginning. */
export function watchedSocket(
  webSocket: NonNullable<FaceSwapOptions['webSocket']>,
  onConnecting: (watch: SocketWatch) => void,
): typeof WebSocket {
  return class extends (webSocket as typeof WebSocket) {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      onConnecting(new SocketWatch(this));
    }
  };
}

/** One connection, and the time by which the next answer must come. */
export class SocketWatch {
  readonly #socket: WebSocket;
  readonly #closed = new AbortController();
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#expectAnswer(CONNECT_MS);
    socket.addEventListener('close', () => this.#stop());
    // Another network may have replaced the one of this connection.
    globalThis.addEventListener?.('online', () => this.#ask(), { signal: this.#closed.signal });
  }

  /** A ping was sent. */
  isAsked(): void {
    this.#expectAnswer(PONG_MS);
  }

  /** An answer came. */
  isAlive(): void {
    clearTimeout(this.#deadline);
  }

  #ask(): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(stringifyMessage({ type: MessageType.Ping }));
    this.isAsked();
  }

  #expectAnswer(withinMs: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.abandon(), withinMs);
  }

  #stop(): void {
    clearTimeout(this.#deadline);
    this.#closed.abort();
  }

  /**
   * Tells graphql-ws at once that the connection is closed; to close it would wait for an answer, for up to a minute.
   * What still arrives by it is not read, because it may be older than what the next connection brings.
   */
  abandon(): void {
    this.#stop();
    const { onclose } = this.#socket;
    this.#socket.onclose = null;
    this.#socket.onmessage = null;
    this.#socket.onopen = null;
    // The package ws throws what nobody listens to.
    this.#socket.onerror = () => {};
    onclose?.call(this.#socket, Object.assign(new Event('close'), TERMINATED));
    this.#socket.close(TERMINATED.code, TERMINATED.reason);
  }
}
