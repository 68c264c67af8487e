/**
 * `GET /media/:name`: serves results from the archive, with range requests; with `?download=FILE`, to be saved under
 * that name.
 *
 * The name is the authorization: it can't be guessed, and only the job's tenant knows it.
 */
import { create as contentDisposition } from 'content-disposition';
import type { FastifyPluginAsync } from 'fastify';
import type { BlobReader } from '../services/media/blob-store.js';
import { downloadName } from '../services/media/download-name.js';
import { serveBlob } from './blob-serving.js';

interface CopyRoute {
  readonly Params: { readonly name: string };
  readonly Querystring: { readonly download?: string | readonly string[] };
}

export function mediaRoutes(archive: BlobReader): FastifyPluginAsync {
  return async (app) => {
    app.route<CopyRoute>({
      method: ['GET', 'HEAD'],
      url: '/media/:name',
      handler: async (request, reply) => {
        const { name } = request.params;
        if (!NAME.test(name)) return reply.callNotFound();
        const [wanted] = [request.query.download].flat();
        const headers = wanted === undefined ? HEADERS : { ...HEADERS, ...attachment(name, wanted) };
        return serveBlob(archive, request, reply, { name, headers });
      },
    });
  };
}

/**
 * A name in ASCII for old clients, and the real one (RFC 6266, section 4.3). The former has no `%`, which some clients
 * decode and others do not (appendix D).
 */
function attachment(copy: string, wanted: string): Readonly<Record<string, string>> {
  const name = downloadName(copy, wanted);
  const fallback = name.replace(/[^\x20-\x7e]|%/gu, '_');
  return { 'content-disposition': contentDisposition(name, { fallback }) };
}

/** The content under a name never changes. */
const HEADERS = { 'cache-control': 'private, max-age=31536000, immutable' };

/** The archiver's names: a SHA-256 in base64url, and the extension of a picture or video. */
const NAME = /^[\w-]{43}\.[a-z0-9]{2,5}$/;
