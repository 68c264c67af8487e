/**
 * Requests that come on a connection before those ahead of them are answered (pipelining). Each is taken when its
 * answer has the connection: what one read from the network brings by the hundred is dealt with in as many turns
 * of the event loop, and nothing is begun whose end is not told, because Node closes only the answer that has the
 * connection.
 */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** On one connection. */
const MAX_WAITING_REQUESTS = 100;

export function oneAtATime(take: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  const count = ({ socket }: IncomingMessage, change: number): number => {
    const now = (waiting.get(socket) ?? 0) + change;
    waiting.set(socket, now);
    return now;
  };
  return (request, response) => {
    const { socket } = request;
    // Node goes on with what it has read.
    if (socket.destroyed) return;
    if (response.socket !== null) {
      take(request, response);
    } else if (count(request, 1) > MAX_WAITING_REQUESTS) {
      socket.destroy();
    } else {
      response.once('socket', () => {
        count(request, -1);
        // The end of the one before is told first, and others have their turn.
        setImmediate(() => {
          if (!socket.destroyed) take(request, response);
        });
      });
    }
  };
}
