/** CORS: which answers scripts of pages of other origins may read. */
import fastifyCors from '@fastify/cors';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';

/** Scripts can read these besides the few that CORS always exposes, like `content-length`. */
const EXPOSED_HEADERS = ['accept-ranges', 'content-disposition', 'content-range', 'etag', 'retry-after'];

/** @param mayCall whether pages of this origin may call; `*` for all */
export async function allowOrigins(
  app: FastifyInstance,
  mayCall: '*' | ((origin: string) => boolean),
): Promise<void> {
  await app.register(fastifyCors, {
    origin:
      mayCall === '*'
        ? '*'
        : (origin, done) => done(null, origin !== undefined && mayCall(origin) ? origin : false),
    methods: ['GET', 'POST', 'OPTIONS'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 86_400,
  });
}

/** For files whose address is the authorization. Their refusals can be read, too. */
export const openToPages: onRequestHookHandler = (_request, reply, done) => {
  reply.headers({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': EXPOSED_HEADERS.join(', '),
  });
  done();
};
