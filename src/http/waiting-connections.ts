/**
 * Connections on which no request is under way. The head of one that has begun is held by Node, without a bound for all
 * of them together: nobody has said yet who they are.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { boundUnfinished } from './unfinished.js';

/** Of all connections together. */
const MAX_HEAD_BYTES = 16 * 1024 * 1024;

export class WaitingConnections {
  readonly #sockets = new Set<Socket>();
  /** What had been read of each when its last request was answered. */
  readonly #readBytes = new WeakMap<Socket, number>();
  readonly #stopLooks: () => void;

  constructor(server: Server) {
    const sockets = this.#sockets;
    /** Of each connection, the newest answer: another may have been asked for before the last was given. */
    const answers = new WeakMap<Socket, ServerResponse>();
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
      answers.set(socket, answer);
      answer.once('close', () => {
        if (socket.destroyed || answers.get(socket) !== answer) return;
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
