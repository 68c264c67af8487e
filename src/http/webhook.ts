/**
 * `POST /webhooks/akool/:token`: where Akool reports on one job.
 *
 * Answers 200 exactly when what came is on disk, or was already. Everything that is bad gets one and the same
 * answer: if it told what was wrong (padding, signature, JSON, address), the endpoint would be an oracle.
 */
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { logLevelOf } from '../errors.js';
import type { CallbackReceiver } from '../services/jobs/callback.js';

/** Bytes. A real webhook has less than one KB. */
const MOST_BYTES = 64 * 1024;

export function webhookRoute(receiver: Pick<CallbackReceiver, 'receive'>): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MOST_BYTES }, (_request, body, done) =>
      done(null, body),
    );
    app.setErrorHandler(async (error: { readonly statusCode?: number }, request, reply) => {
      // What Fastify itself refuses (too large, cut off) is bad like anything else that is bad.
      if (error.statusCode !== undefined && error.statusCode < 500) return refuse(reply);
      request.log[logLevelOf(error)]({ err: error }, 'a webhook could not be stored');
      return reply.code(503).send({ error: 'try again' });
    });
    app.setNotFoundHandler(async (_request, reply) => refuse(reply));
    // A wildcard, because Fastify refuses a named part that is too long in its own words.
    app.all<{ Params: { '*': string } }>('/*', async (request, reply) => {
      const { method, body, headers } = request;
      if (method !== 'POST' || !isJson(headers['content-type']) || !Buffer.isBuffer(body))
        return refuse(reply);
      const receipt = await receiver.receive(request.params['*'], body);
      return receipt === 'recorded' ? reply.code(200).send({ ok: true }) : refuse(reply);
    });
  };
}

function refuse(reply: FastifyReply): FastifyReply {
  // Fastify closes after a body that is too long, so this closes after every one.
  return reply.code(400).header('connection', 'close').send({ error: 'refused' });
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType ?? '');
}
