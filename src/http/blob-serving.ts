/** Serves a stored file, with range requests. Nothing is buffered. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError } from '../errors.js';
import type { BlobReader, StoredBlob } from '../services/media/blob-store.js';
import { selectionOf } from './byte-serving.js';
import { sendErrors, sendRefusal } from './http-errors.js';

/** What a request is for. */
interface Served {
  /** In the store. */
  readonly name: string;
  /** If it is known better than by the store. */
  readonly contentType?: string;
  /** In addition to those of every file; `cache-control` at least. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Answers a GET or HEAD: 404 if there is no such file, 503 if the store can't be read.
 *
 * @throws GatewayError if `blobs` does
 */
export async function serveBlob(
  blobs: BlobReader,
  request: FastifyRequest,
  reply: FastifyReply,
  served: Served,
): Promise<FastifyReply> {
  // Stop reading if the client disconnects.
  const leaving = new AbortController();
  reply.raw.once('close', () => leaving.abort());
  try {
    return await serve(blobs, request, reply, served, leaving.signal);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    if (!leaving.signal.aborted) request.log.error({ err: error }, 'a stored file could not be read');
    return sendErrors(reply, 503, [UNAVAILABLE], { 'retry-after': RETRY_AFTER_SECONDS });
  }
}

/** Rejects only before any part of the answer is set. */
async function serve(
  blobs: BlobReader,
  request: FastifyRequest,
  reply: FastifyReply,
  { name, contentType, headers: ownHeaders }: Served,
  signal: AbortSignal,
): Promise<FastifyReply> {
  const kept = await blobs.find(name, signal);
  if (kept === null) return callNotFound(reply);
  const headers = { ...headersOf(kept), ...ownHeaders };
  const { byteSize } = kept;
  const selection = selectionOf(request.method, request.headers, kept);
  switch (selection.status) {
    case 412:
      return sendRefusal(reply, 412);
    case 416:
      return sendRefusal(reply.header('content-range', `bytes */${byteSize}`), 416);
    case 304:
      return reply.code(304).headers(headers).send();
    case 200:
    case 206: {
      const isPart = selection.status === 206;
      const range = isPart ? selection.range : { first: 0, last: byteSize - 1 };
      const length = range.last - range.first + 1;
      const isEmpty = request.method === 'HEAD' || length === 0;
      const content = isEmpty ? undefined : await begun(await blobs.read(name, range, signal), signal);
      // It has just been removed.
      if (content === null) return callNotFound(reply);
      if (isPart) reply.header('content-range', `bytes ${range.first}-${range.last}/${byteSize}`);
      return reply
        .code(selection.status)
        .headers(headers)
        .headers({ 'content-type': contentType ?? kept.contentType, 'content-length': length })
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
  // Front ends of other origins may show it, but scripts in it must not run with our origin.
  'cross-origin-resource-policy': 'cross-origin',
  'content-security-policy': "default-src 'none'; sandbox",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const UNAVAILABLE = {
  message: 'The file cannot be read right now; try again later.',
  extensions: { code: 'ARCHIVE_UNAVAILABLE' },
} as const;
const RETRY_AFTER_SECONDS = '5';
