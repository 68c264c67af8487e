/**
 * `GET /media/:name`: kept results, with range requests.
 *
 * The name is the authorisation: nobody can guess it, and only the job's own tenant is told it.
 */
import { resolve } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync } from 'fastify';

/** @param dir the archive's folder */
export function mediaRoutes(dir: string): FastifyPluginAsync {
  return async (app) => {
    await app.register(fastifyStatic, {
      root: resolve(dir),
      serve: false,
      dotfiles: 'deny',
      index: false,
      cacheControl: false,
      // Only with the file itself: a 404 must not be remembered for a year.
      setHeaders: (reply) => {
        for (const [name, value] of Object.entries(HEADERS)) reply.header(name, value);
      },
    });
    app.get<{ Params: { name: string } }>('/media/:name', (request, reply) => {
      const { name } = request.params;
      return NAME.test(name) ? reply.sendFile(name) : reply.callNotFound();
    });
  };
}

const HEADERS: Readonly<Record<string, string>> = {
  // Nothing else is ever kept under the same name.
  'cache-control': 'private, max-age=31536000, immutable',
  // A front end of another origin shows it, but whatever it holds must not run as ours.
  'cross-origin-resource-policy': 'cross-origin',
  'access-control-allow-origin': '*',
  'content-security-policy': "default-src 'none'; sandbox",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** As the archiver names files: a SHA-256 in base64url, and the extension of a picture or video. */
const NAME = /^[\w-]{43}\.[a-z0-9]{2,5}$/;
