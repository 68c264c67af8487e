/** Detects when a request is over: its answer was sent, or the client is gone. */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Calls `end` once the request is over; immediately if the connection is already gone. */
export function onceOver(
  { raw: { socket } }: Pick<FastifyRequest, 'raw'>,
  { raw: response }: Pick<FastifyReply, 'raw'>,
  end: () => void,
): void {
  if (socket.destroyed) end();
  else response.once('close', end);
}
