/**
 * Answers a request whose body has not been read. If the connection were closed at once, most clients would find that it
 * broke while they were sending, and never see the answer. So the rest of the body is discarded for a while.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { SMALL_BYTES } from '../services/limits/held-bytes.js';

/** Then the connection is closed. As long as nginx does it by default (`lingering_time`). */
const DISCARD_MS = 30_000;

/** Sends `text`, whose type must be set. */
export function sendWithoutBody(request: IncomingMessage, reply: FastifyReply, text: string): FastifyReply {
  if (request.readableEnded) return reply.send(text);
  request.resume();
  // It is about to be here, and the connection can be used again.
  if (!isLarge(request.headers)) return reply.send(text);
  return reply
    .headers({ connection: 'close', 'content-length': Buffer.byteLength(text) })
    .send(Readable.from(untilDiscarded(request, text), { objectMode: false }));
}

/** Whether the body may be longer than what arrives with the head. */
export function isLarge(headers: IncomingMessage['headers']): boolean {
  return (
    'transfer-encoding' in headers ||
    'expect' in headers ||
    Number(headers['content-length'] ?? 0) > SMALL_BYTES
  );
}

/** The answer is complete with the text, but the connection is only closed after the end of the stream. */
async function* untilDiscarded(request: IncomingMessage, text: string): AsyncGenerator<string> {
  yield text;
  if (request.readableEnded || request.destroyed) return;
  await once(request, 'close', { signal: AbortSignal.timeout(DISCARD_MS) }).catch(() => {});
}
