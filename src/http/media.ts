/**
 * `GET /media/:name`: serves results from the archive, with range requests.
 *
 * The name is the authorization: it can't be guessed, and only the job's tenant knows it.
 */
import type { FastifyPluginAsync } from 'fastify';
import type { BlobReader } from '../services/media/blob-store.js';
import { serveBlob } from './blob-serving.js';

export function mediaRoutes(archive: BlobReader): FastifyPluginAsync {
  return async (app) => {
    app.route<{ Params: { name: string } }>({
      method: ['GET', 'HEAD'],
      url: '/media/:name',
      handler: async (request, reply) => {
        const { name } = request.params;
        if (!NAME.test(name)) return reply.callNotFound();
        return serveBlob(archive, request, reply, { name, headers: HEADERS });
      },
    });
  };
}

/** The content under a name never changes. */
const HEADERS = { 'cache-control': 'private, max-age=31536000, immutable' };

/** The archiver's names: a SHA-256 in base64url, and the extension of a picture or video. */
const NAME = /^[\w-]{43}\.[a-z0-9]{2,5}$/;
