/** The HTTP server of a sandbox: its routes, and the mapping of errors to Akool's answers. */
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { Logger } from 'pino';
import { addAdminRoutes } from './admin-routes.js';
import { addAkoolRoutes } from './akool-routes.js';
import { addMediaRoutes } from './media-routes.js';
import { reset } from './misbehaviour.js';
import { Refusal } from './refusal.js';
import { Stopped } from './timers.js';
import type { Twin } from './twin.js';

/** Large, because detection accepts pictures as base64 in JSON. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

export function createServer(twin: Twin, logger: Logger): FastifyInstance {
  // Closing cuts connections, because some callers wait for an answer that a fault withholds.
  const app = fastify({ logger: false, bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true });

  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? undefined : JSON.parse(String(body)));
    } catch {
      done(new Refusal(1003, 'The body is not JSON', 400));
    }
  });

  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof Refusal) return reply.code(error.httpStatus).send(error.answer);
    if (error instanceof Stopped) return cut(reply);
    const httpStatus = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (httpStatus >= 500) logger.error({ error }, 'the sandbox itself failed');
    const message = error instanceof Error ? error.message : 'Unknown error';
    return reply.code(httpStatus).send({ code: 1003, msg: message });
  });
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .send({ code: 1008, msg: `The sandbox has no ${request.method} ${request.url.split('?')[0]}` }),
  );

  addAkoolRoutes(app, twin);
  addMediaRoutes(app, twin);
  addAdminRoutes(app, twin);
  return app;
}

function cut(reply: FastifyReply): FastifyReply {
  reset(reply);
  return reply;
}
