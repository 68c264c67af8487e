/**
 * `POST /webhooks/akool/:token`: receives Akool's callbacks about one job.
 *
 * Answers 200 only once the callback is on disk. Every bad request gets the same answer: details (padding, signature,
 * JSON, address) would make the endpoint an oracle.
 */
import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { logLevelOf } from '../errors.js';
import { MAX_CALLBACK_BYTES } from '../services/akool/callback-body.js';
import type { CallbackReceiver } from '../services/workers/callback-receiver.js';
import { gather, RefusedBody } from './body.js';

export type Callbacks = Pick<CallbackReceiver, 'receive' | 'isAwaitedAt'>;

export function callbackRoute(receiver: Callbacks): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) =>
      read(payload, tokenOf(request.params), receiver),
    );
    app.setErrorHandler(async (error: { readonly statusCode?: number }, request, reply) => {
      // Fastify's own refusals (too large, cut off) get the same answer as any other bad request.
      if (error.statusCode !== undefined && error.statusCode < 500) return refuse(reply);
      request.log[logLevelOf(error)]({ err: error }, 'a callback could not be stored');
      return reply.code(503).send({ error: 'try again' });
    });
    app.setNotFoundHandler(async (_request, reply) => refuse(reply));
    // A wildcard, because Fastify answers a named parameter that is too long with its own error.
    app.all('/*', async (request, reply) => {
      const { method, body, headers, params } = request;
      if (method !== 'POST' || !isJson(headers['content-type']) || !Buffer.isBuffer(body))
        return refuse(reply);
      const receipt = await receiver.receive(tokenOf(params), body);
      return receipt === 'recorded' ? reply.code(200).send({ ok: true }) : refuse(reply);
    });
  };
}

/** The token in the path, which is the route's wildcard. */
function tokenOf(params: unknown): string {
  return (params as { readonly '*': string })['*'];
}

/** Waits for a body that has not arrived yet only if the address belongs to a job. */
async function read(payload: IncomingMessage, token: string, receiver: Callbacks): Promise<Buffer> {
  let isHere = false;
  const body = gather(payload, (size) => {
    if (size > MAX_CALLBACK_BYTES) throw new RefusedBody(413);
  }).finally(() => {
    isHere = true;
  });
  const address = setImmediate().then(async () => {
    if (!isHere && !(await receiver.isAwaitedAt(token))) throw new RefusedBody(400);
  });
  const [bytes] = await Promise.all([body, address]);
  return bytes;
}

function refuse(reply: FastifyReply): FastifyReply {
  // Fastify closes the connection after a body that is too long, so every refusal must.
  return reply.code(400).header('connection', 'close').send({ error: 'refused' });
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType ?? '');
}
