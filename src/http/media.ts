/**
 * Serves results from the archive, with range requests:
 * - `GET /media/:name`; with `?download=FILE`, to be saved under that name;
 * - `GET /media/:name/:width`, for a few widths: a thumbnail.
 *
 * The name is the authorization: it can't be guessed, and only the job's tenant knows it.
 */
import { create as contentDisposition } from 'content-disposition';
import type { FastifyPluginAsync } from 'fastify';
import type { BlobReader } from '../services/media/blob-store.js';
import { downloadName } from '../services/media/download-name.js';
import { hasThumbnails, thumbnailName, widthOf } from '../services/media/thumbnail-name.js';
import { serveBlob } from './blob-serving.js';
import { openToPages } from './cross-origin.js';

interface CopyRoute {
  readonly Params: { readonly name: string };
  readonly Querystring: { readonly download?: string | readonly string[] };
}

interface ThumbnailRoute {
  readonly Params: { readonly name: string; readonly width: string };
}

interface MediaOptions {
  readonly archive: BlobReader;
  readonly thumbnails: BlobReader;
}

export function mediaRoutes({ archive, thumbnails }: MediaOptions): FastifyPluginAsync {
  return async (app) => {
    app.addHook('onRequest', openToPages);
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
    app.route<ThumbnailRoute>({
      method: ['GET', 'HEAD'],
      url: '/media/:name/:width',
      handler: async (request, reply) => {
        const { name: copy, width: digits } = request.params;
        const width = widthOf(digits);
        if (!NAME.test(copy) || !hasThumbnails(copy) || width === undefined) return reply.callNotFound();
        const name = thumbnailName({ copy, width });
        return serveBlob(thumbnails, request, reply, { name, headers: HEADERS });
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
  // All but the printable characters up to `$` and from `&` on.
  const fallback = name.replace(/[^\x20-$&-~]/gu, '_');
  return { 'content-disposition': contentDisposition(name, { fallback }) };
}

/** The content under a name never changes. */
const HEADERS = { 'cache-control': 'private, max-age=31536000, immutable' };

/** The archiver's names: a SHA-256 in base64url, and the extension of a picture or video. */
const NAME = /^[\w-]{43}\.[a-z0-9]{2,5}$/;
