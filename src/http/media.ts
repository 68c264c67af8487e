/**
 * `GET /media/:name`: serves results from the archive, with range requests.
 *
 * The name is the authorization: it can't be guessed, and only the job's tenant knows it.
 */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { BlobReader, StoredBlob } from '../services/media/blob-store.js';
import { selectionOf } from './byte-serving.js';
import { sendErrors, sendRefusal } from './http-errors.js';

type MediaRequest = FastifyRequest<{ Params: { name: string } }>;

export function mediaRoutes(archive: BlobReader): FastifyPluginAsync {
  return async (app) => {
    app.route<{ Params: { name: string } }>({
      method: ['GET', 'HEAD'],
      url: '/media/:name',
      handler: async (request, reply) => {
        if (!NAME.test(request.params.name)) return reply.callNotFound();
        // Stop reading if the client disconnects.
        const leaving = new AbortController();
        reply.raw.once('close', () => leaving.abort());
        try {
          return await serve(archive, request, reply, leaving.signal);
        } catch (error) {
          if (!leaving.signal.aborted) request.log.error({ err: error }, 'a kept result could not be read');
          return sendErrors(reply, 503, [UNAVAILABLE], { 'retry-after': RETRY_AFTER_SECONDS });
        }
      },
    });
  };
}

/** Rejects only before any part of the answer is set. */
async function serve(
  archive: BlobReader,
  request: MediaRequest,
  reply: FastifyReply,
  signal: AbortSignal,
): Promise<FastifyReply> {
  const { name } = request.params;
  const kept = await archive.find(name, signal);
  if (kept === null) return callNotFound(reply);
  const { byteSize } = kept;
  const selection = selectionOf(request.method, request.headers, kept);
  switch (selection.status) {
    case 412:
      return sendRefusal(reply, 412);
    case 416:
      return sendRefusal(reply.header('content-range', `bytes */${byteSize}`), 416);
    case 304:
      return reply.code(304).headers(headersOf(kept)).send();
    case 200:
    case 206: {
      const isPart = selection.status === 206;
      const range = isPart ? selection.range : { first: 0, last: byteSize - 1 };
      const length = range.last - range.first + 1;
      const isEmpty = request.method === 'HEAD' || length === 0;
      const content = isEmpty ? undefined : await begun(await archive.read(name, range, signal), signal);
      // It has just been removed.
      if (content === null) return callNotFound(reply);
      if (isPart) reply.header('content-range', `bytes ${range.first}-${range.last}/${byteSize}`);
      return reply
        .code(selection.status)
        .headers(headersOf(kept))
        .headers({ 'content-type': kept.contentType, 'content-length': length })
        .send(content);
    }
  }
}

/** Waits for the first bytes, because until then an error can still be reported. */
async function begun(content: Readable | null, signal: AbortSignal): Promise<Readable | null> {
  try {
    if (content !== null) await once(content, 'readable', { signal });
    return content;
  } catch (error) {
    content?.on('error', () => {}).destroy();
    throw error;
  }
}

function callNotFound(reply: FastifyReply): FastifyReply {
  reply.callNotFound();
  return reply;
}

/** Only for the file itself: a 404 must not be cached for a year. */
function headersOf({ etag, modifiedAt }: StoredBlob): Readonly<Record<string, string>> {
  return { ...HEADERS, etag, 'last-modified': modifiedAt.toUTCString(), 'accept-ranges': 'bytes' };
}

const HEADERS: Readonly<Record<string, string>> = {
  // The content under a name never changes.
  'cache-control': 'private, max-age=31536000, immutable',
  // Front ends of other origins may show it, but scripts in it must not run with our origin.
  'cross-origin-resource-policy': 'cross-origin',
  'access-control-allow-origin': '*',
  'content-security-policy': "default-src 'none'; sandbox",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const UNAVAILABLE = {
  message: 'Kept results cannot be read right now; try again later.',
  extensions: { code: 'ARCHIVE_UNAVAILABLE' },
} as const;
const RETRY_AFTER_SECONDS = '5';

/** The archiver's names: a SHA-256 in base64url, and the extension of a picture or video. */
const NAME = /^[\w-]{43}\.[a-z0-9]{2,5}$/;
