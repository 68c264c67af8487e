/** The open connections of a server. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class OpenConnections {
  readonly #open = new Set<Socket>();
  readonly #newestAnswers = new WeakMap<Socket, ServerResponse>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      // The event repeats for a connection whose upgrade offer is ignored.
      if (!this.#open.has(socket)) socket.once('close', () => this.#open.delete(socket));
      this.#open.add(socket);
    });
    server.on('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
      this.#newestAnswers.set(socket, answer);
    });
  }

  /** Returns the answer to the latest request on a connection; answers to earlier requests are written first. */
  newestAnswer(socket: Socket): ServerResponse | undefined {
    return this.#newestAnswers.get(socket);
  }

  /** How many have a request without a complete answer; an open event stream is one. */
  get unanswered(): number {
    return [...this.#open].filter((socket) => this.newestAnswer(socket)?.writableFinished === false).length;
  }

  cutAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
