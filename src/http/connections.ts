/** The open connections of a server. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class Connections {
  readonly #open = new Set<Socket>();
  readonly #newestAnswers = new WeakMap<Socket, ServerResponse>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      // A connection comes again if its offer to upgrade is ignored.
      if (!this.#open.has(socket)) socket.once('close', () => this.#open.delete(socket));
      this.#open.add(socket);
    });
    server.on('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
      this.#newestAnswers.set(socket, answer);
    });
  }

  /** The answer to the latest request on a connection; those to earlier requests are written first. */
  newestAnswer(socket: Socket): ServerResponse | undefined {
    return this.#newestAnswers.get(socket);
  }

  cutAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
