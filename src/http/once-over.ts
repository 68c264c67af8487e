/**
 * When a request is over: its answer was sent, or nobody is there any more to read it. Node tells that to the answer
 * only if it has the connection; one that waits for those before it (pipelining) hears nothing of the end.
 */
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Of each connection, what is under way on it. */
const underWay = new WeakMap<Socket, Set<() => void>>();

/** Calls `end` then, once; at once for a connection that is gone already. */
export function onceOver(
  { raw: { socket } }: Pick<FastifyRequest, 'raw'>,
  { raw: response }: Pick<FastifyReply, 'raw'>,
  end: () => void,
): void {
  if (socket.destroyed) {
    end();
    return;
  }
  const ends = underWay.get(socket) ?? watched(socket);
  const over = (): void => {
    if (ends.delete(over)) end();
  };
  ends.add(over);
  response.once('close', over);
}

function watched(socket: Socket): Set<() => void> {
  const ends = new Set<() => void>();
  underWay.set(socket, ends);
  socket.once('close', () => {
    for (const over of ends) over();
  });
  return ends;
}
