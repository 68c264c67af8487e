/** When a request is over: its answer was sent, or nobody is there any more to read it. */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Calls `end` then, once; at once for a connection that is gone already. */
export function onceOver(
  { raw: { socket } }: Pick<FastifyRequest, 'raw'>,
  { raw: response }: Pick<FastifyReply, 'raw'>,
  end: () => void,
): void {
  if (socket.destroyed) end();
  else response.once('close', end);
}
