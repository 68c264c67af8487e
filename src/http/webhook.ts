/**
 * `POST /webhooks/akool/:token`: where Akool reports on one job.
 *
 * Answers 200 exactly when what came is on disk, or was already. Everything that is bad gets one and the same
 * answer: if it told what was wrong (padding, signature, JSON, address), the endpoint would be an oracle.
 */
import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { logLevelOf } from '../errors.js';
import type { CallbackReceiver } from '../services/workers/callback.js';
import { gather, RefusedBody } from './body.js';

/** Bytes. A real webhook has less than one KB. */
const MOST_BYTES = 64 * 1024;

export type Callbacks = Pick<CallbackReceiver, 'receive' | 'isAwaitedAt'>;

export function webhookRoute(receiver: Callbacks): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) =>
      read(payload, tokenOf(request.params), receiver),
    );
    app.setErrorHandler(async (error: { readonly statusCode?: number }, request, reply) => {
      // What Fastify itself refuses (too large, cut off) is bad like anything else that is bad.
      if (error.statusCode !== undefined && error.statusCode < 500) return refuse(reply);
      request.log[logLevelOf(error)]({ err: error }, 'a webhook could not be stored');
      return reply.code(503).send({ error: 'try again' });
    });
    app.setNotFoundHandler(async (_request, reply) => refuse(reply));
    // A wildcard, because Fastify refuses a named part that is too long in its own words.
    app.all('/*', async (request, reply) => {
      const { method, body, headers, params } = request;
      if (method !== 'POST' || !isJson(headers['content-type']) || !Buffer.isBuffer(body))
        return refuse(reply);
      const receipt = await receiver.receive(tokenOf(params), body);
      return receipt === 'recorded' ? reply.code(200).send({ ok: true }) : refuse(reply);
    });
  };
}

/** Of the wildcard's route. */
function tokenOf(params: unknown): string {
  return (params as { readonly '*': string })['*'];
}

/** A body that is not there yet is waited for at a job's address alone. */
async function read(payload: IncomingMessage, token: string, receiver: Callbacks): Promise<Buffer> {
  let isHere = false;
  const body = gather(payload, (size) => {
    if (size > MOST_BYTES) throw new RefusedBody(413);
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
  // Fastify closes after a body that is too long, so this closes after every one.
  return reply.code(400).header('connection', 'close').send({ error: 'refused' });
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType ?? '');
}
