/**
 * Handles requests that arrive on a connection before earlier ones are answered (pipelining), one at a time. Hundreds
 * of requests from a single read are thus spread over as many turns of the event loop, and no request begins whose
 * response Node would not close when the connection breaks.
 */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** Per connection. */
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
    // Node still handles what it has already read.
    if (socket.destroyed) return;
    if (response.socket !== null) {
      take(request, response);
    } else if (count(request, 1) > MAX_WAITING_REQUESTS) {
      socket.destroy();
    } else {
      response.once('socket', () => {
        count(request, -1);
        // Lets the previous request end first, and others take their turn.
        setImmediate(() => {
          if (!socket.destroyed) take(request, response);
        });
      });
    }
  };
}
