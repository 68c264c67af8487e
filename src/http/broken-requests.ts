/** Answers what is not HTTP, and requests that do not arrive in time, except those whose time is limited otherwise. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

export class BrokenRequests {
  readonly #spared = new WeakSet<Socket>();

  /** Lets the current request of this connection take as long as it likes. Returns a function that ends that. */
  spare(socket: Socket): () => void {
    this.#spared.add(socket);
    return () => this.#spared.delete(socket);
  }

  /**
   * To be called with the server's `clientError`. Node reports a request that takes too long once, and leaves it to its
   * listener whether the connection is closed.
   */
  answer(error: Error & { readonly code?: string }, socket: Socket): void {
    const { code = '' } = error;
    if (code === 'ECONNRESET' || socket.destroyed) return;
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT' && this.#spared.has(socket)) return;
    const status = STATUS[code] ?? 400;
    const body = JSON.stringify({
      errors: [{ message: STATUS_CODES[status], extensions: { code: 'BAD_REQUEST' } }],
    });
    if (socket.writable) {
      socket.write(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    }
    socket.destroy(error);
  }
}

const STATUS: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};
