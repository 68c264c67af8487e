/** CORS: which answers scripts of pages of other origins may read. */
import fastifyCors, { type OriginFunction } from '@fastify/cors';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';

/** Scripts can read these besides the few that CORS always exposes, like `content-length`. */
const EXPOSED_HEADERS = ['accept-ranges', 'content-disposition', 'content-range', 'etag', 'retry-after'];

/** @param mayCall whether pages of this origin may call; `*` for all */
export async function allowOrigins(
  app: FastifyInstance,
  mayCall: '*' | ((origin: string) => boolean),
): Promise<void> {
  await app.register(fastifyCors, {
    origin: mayCall === '*' ? '*' : originIf(mayCall),
    methods: ['GET', 'POST', 'OPTIONS'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 86_400,
  });
}

/** For the `cors` of a route's `config`, which replaces what `allowOrigins` has set. */
export function originIf(mayCall: (origin: string) => boolean): OriginFunction {
  return (origin, done) => done(null, origin !== undefined && mayCall(origin) ? origin : false);
}

/** For files whose address is the authorization. Their refusals can be read, too. */
export const openToPages: onRequestHookHandler = (_request, reply, done) => {
  reply.headers({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': EXPOSED_HEADERS.join(', '),
  });
  done();
};
