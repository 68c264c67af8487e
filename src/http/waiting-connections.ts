/**
 * Connections without a request in progress. Node buffers the head of a request while it arrives, without a limit for
 * all connections together, and the senders are still unknown.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { OpenConnections } from './open-connections.js';
import { boundUnfinished } from './unfinished.js';

/** The total for all connections. */
const MAX_HEAD_BYTES = 16 * 1024 * 1024;

export class WaitingConnections {
  readonly #sockets = new Set<Socket>();
  /** How many bytes of each had been read when its last request was answered. */
  readonly #readBytes = new WeakMap<Socket, number>();
  readonly #stopLooks: () => void;

  constructor(server: Server, connections: OpenConnections) {
    const sockets = this.#sockets;
    const forget = function (this: Socket): void {
      sockets.delete(this);
    };
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      // The event repeats for a connection whose upgrade offer is ignored.
      if (!socket.listeners('close').includes(forget)) socket.once('close', forget);
    });
    server.on('upgrade', ({ socket }: IncomingMessage) => sockets.delete(socket));
    server.on('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
      sockets.delete(socket);
      answer.once('close', () => {
        // Another request may have arrived before this one was answered.
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

  /** Destroys all of them. Safe to call twice. */
  stop(): void {
    this.#stopLooks();
    for (const socket of this.#sockets) socket.destroy();
  }
}
