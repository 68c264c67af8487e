/**
 * Connections on which no request is under way. The head of one that has begun is held by Node, without a bound for all
 * of them together: nobody has said yet who they are.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Connections } from './connections.js';
import { boundUnfinished } from './unfinished.js';

/** Of all connections together. */
const MAX_HEAD_BYTES = 16 * 1024 * 1024;

export class WaitingConnections {
  readonly #sockets = new Set<Socket>();
  /** What had been read of each when its last request was answered. */
  readonly #readBytes = new WeakMap<Socket, number>();
  readonly #stopLooks: () => void;

  constructor(server: Server, connections: Connections) {
    const sockets = this.#sockets;
    const forget = function (this: Socket): void {
      sockets.delete(this);
    };
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      // The same connection comes again when its offer to upgrade is ignored.
      if (!socket.listeners('close').includes(forget)) socket.once('close', forget);
    });
    server.on('upgrade', ({ socket }: IncomingMessage) => sockets.delete(socket));
    server.on('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
      sockets.delete(socket);
      answer.once('close', () => {
        // Another may have been asked for before this one was given.
        if (socket.destroyed || connections.newestAnswer(socket) !== answer) return;
        this.#readBytes.set(socket, socket.bytesRead);
        sockets.add(socket);
      });
    });
    this.#stopLooks = boundUnfinished({
      sockets,
      maxBytes: MAX_HEAD_BYTES,
      bytesOf: (socket) => socket.bytesRead - (this.#readBytes.get(socket) ?? 0),
      senderOf: ({ remoteAddress = '' }) => remoteAddress,
      cut: (socket) => socket.destroy(),
    });
  }

  /** Cuts them all. Safe to call twice. */
  stop(): void {
    this.#stopLooks();
    for (const socket of this.#sockets) socket.destroy();
  }
}
