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
import { inflated, isCompressed } from './inflate.js';

export type Callbacks = Pick<CallbackReceiver, 'receive' | 'isAwaitedAt'>;

/** The reason in the log, as the receiver gives it. */
const UNKNOWN_ADDRESS = 'UNKNOWN_ADDRESS';

export function callbackRoute(receiver: Callbacks): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers();
    // Fastify refuses what it can't read as a content type, and here it does not matter.
    app.addHook('onRequest', async ({ raw }) => {
      raw.headers['content-type'] = 'application/octet-stream';
    });
    app.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) =>
      read(payload, tokenOf(request.params), receiver),
    );
    app.setErrorHandler(
      async (error: { readonly statusCode?: number; readonly code?: string }, request, reply) => {
        // A body that is too large or cut off is answered like any other bad request.
        if (error.statusCode !== undefined && error.statusCode < 500)
          return refuse(request, reply, error.code ?? `HTTP_${error.statusCode}`);
        request.log[logLevelOf(error)]({ err: error }, 'a callback could not be stored');
        return reply.code(503).send({ error: 'try again' });
      },
    );
    app.setNotFoundHandler(async (request, reply) => refuse(request, reply, UNKNOWN_ADDRESS));
    // A wildcard, because Fastify answers a named parameter that is too long with its own error.
    app.all('/*', async (request, reply) => {
      const { method, body, params } = request;
      if (method !== 'POST') return refuse(request, reply, 'METHOD');
      if (!Buffer.isBuffer(body)) return refuse(request, reply, 'NO_BODY');
      // Whatever its content type: the signature vouches for the body, not the header.
      const receipt = await receiver.receive(tokenOf(params), body);
      return receipt === 'recorded' ? reply.code(200).send({ ok: true }) : answerRefused(reply);
    });
  };
}

/** The token in the path, which is the route's wildcard; proxies may add a slash. */
function tokenOf(params: unknown): string {
  const { '*': token = '' } = params as { readonly '*'?: string };
  return token.replace(/\/$/, '');
}

/** Waits for a body that has not arrived yet only if the address belongs to a job. */
async function read(payload: IncomingMessage, token: string, receiver: Callbacks): Promise<Buffer> {
  let isHere = false;
  const body = gather(payload, (size) => {
    if (size > MAX_CALLBACK_BYTES) throw new RefusedBody(413);
  }).finally(() => {
    isHere = true;
  });
  const encoding = payload.headers['content-encoding'];
  const address = setImmediate().then(async () => {
    const isWork = !isHere || isCompressed(encoding);
    if (isWork && !(await receiver.isAwaitedAt(token)))
      throw new RefusedBody(400, undefined, UNKNOWN_ADDRESS);
  });
  const [bytes] = await Promise.all([body, address]);
  // What can't be inflated is not readable either, which is for the receiver to say.
  return isCompressed(encoding) ? inflated(bytes, encoding, MAX_CALLBACK_BYTES).catch(() => bytes) : bytes;
}

/** Logs a refusal of which the receiver does not know. */
function refuse(request: FastifyRequest, reply: FastifyReply, reason: string): FastifyReply {
  request.log.warn({ reason }, 'callback refused');
  return answerRefused(reply);
}

function answerRefused(reply: FastifyReply): FastifyReply {
  // Fastify closes the connection after a body that is too long, so every refusal must.
  return reply.code(400).header('connection', 'close').send({ error: 'refused' });
}
