/**
 * `PUT /uploads/:token` takes the bytes of an upload, and `GET /uploads/:name` serves them.
 *
 * Both are secrets of one upload, and each is looked up as what it is: who only has the name can't send, and who only
 * has the token gets nothing. Whoever has the token may send, once, without credentials.
 */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { BlobReader } from '../services/media/blob-store.js';
import { SenderLeftError } from '../services/uploads/arrival.js';
import { blobNameOf } from '../services/uploads/upload.js';
import type { UploadAddresses } from '../services/uploads/upload-addresses.js';
import type { Received, UploadReceiver } from '../services/uploads/upload-receiver.js';
import { UPLOAD_REFUSALS, UploadRefusal } from '../services/uploads/upload-refusal.js';
import type { UploadReceptions } from '../services/uploads/upload-store.js';
import { serveBlob } from './blob-serving.js';
import type { BrokenRequests } from './broken-requests.js';
import { allowOrigins, openToPages, originIf } from './cross-origin.js';
import { refuseOtherMethods } from './http-errors.js';
import { sendWithoutBody } from './unread-body.js';

export interface UploadDoor {
  readonly receiver: Pick<UploadReceiver, 'receive'>;
  readonly records: Pick<UploadReceptions, 'findServed'>;
  readonly blobs: BlobReader;
  readonly addresses: Pick<UploadAddresses, 'urlOf'>;
}

interface Route {
  readonly Params: { readonly secret: string };
}

const PATH = '/:secret';
/** In base64url. Longer ones are none of ours, so the records need not be asked. */
const SECRET = /^[\w-]{16,64}(?:\.[a-z0-9]{2,5})?$/;
const RETRY_AFTER_SECONDS = '5';

/**
 * Routes for below `/uploads`.
 *
 * @param maySend whether pages of this origin may send
 * @param hasCors whether `allowOrigins` was called for all addresses
 */
export function uploadRoutes(
  door: UploadDoor,
  broken: BrokenRequests,
  maySend: (origin: string) => boolean,
  hasCors: boolean,
): FastifyPluginAsync {
  const cors = { origin: originIf(maySend), methods: METHODS };
  return async (app) => {
    if (!hasCors) await allowOrigins(app, maySend);
    passBodiesOn(app);
    app.put<Route>(PATH, { onRequest: asBytes, config: { cors } }, async (request, reply) => {
      const { raw } = request;
      // It is limited by its pace instead.
      const end = broken.spare(raw.socket);
      try {
        const { isNew, ...received } = await door.receiver.receive(tokenOf(request), {
          bytes: raw,
          byteSize: lengthOf(request),
          begin: () => {
            if ('expect' in raw.headers) reply.raw.writeContinue();
          },
        });
        return answer(request, reply, isNew ? 201 : 200, described(received, door.addresses));
      } catch (error) {
        // Nobody is there to be answered.
        if (error instanceof SenderLeftError) return reply.hijack();
        if (!(error instanceof UploadRefusal)) throw error;
        return refuse(request, reply, error);
      } finally {
        end();
      }
    });
    app.route<Route>({
      method: ['GET', 'HEAD'],
      url: PATH,
      onRequest: openToPages,
      handler: async (request, reply) => {
        const { secret } = request.params;
        const upload = SECRET.test(secret) ? await door.records.findServed(secret) : null;
        if (upload?.kept == null) return reply.callNotFound();
        const { contentType } = upload.kept;
        return serveBlob(door.blobs, request, reply, {
          name: blobNameOf(upload),
          contentType,
          headers: HEADERS,
        });
      },
    });
    // For preflight requests, which are answered before.
    app.options(PATH, { config: { cors } }, async (_request, reply) => reply.callNotFound());
    refuseOtherMethods(app, PATH, {
      methods: ['POST', 'PATCH', 'DELETE'],
      allow: METHODS.join(', '),
      message: 'Uploads are sent by PUT and served by GET.',
    });
  };
}

const METHODS = ['GET', 'HEAD', 'PUT', 'OPTIONS'];

const HEADERS = {
  // They may be erased at any time.
  'cache-control': 'private, no-store',
  'x-robots-tag': 'noindex',
};

/** Bodies are not parsed. */
function passBodiesOn(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

/** Refuses what is not the file itself. Otherwise the content type does not matter, because the bytes tell. */
async function asBytes(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
  const { headers } = request.raw;
  const { 'content-encoding': encoding = 'identity', 'content-type': type = '' } = headers;
  const mistake = !/^\s*identity\s*$/i.test(encoding)
    ? 'not compressed: leave content-encoding out'
    : /^\s*multipart\//i.test(type)
      ? 'not a form: pass the File itself as the body'
      : null;
  // Fastify refuses what it can't read.
  headers['content-type'] = 'application/octet-stream';
  if (mistake === null) return;
  return refuse(
    request,
    reply,
    new UploadRefusal('MEDIA_UNSUPPORTED', `The body must be the file itself, ${mistake}.`),
  );
}

function tokenOf({ params: { secret } }: FastifyRequest<Route>): string {
  if (!SECRET.test(secret)) throw new UploadRefusal('NOT_FOUND');
  return secret;
}

/** Returns null if its sender did not say. */
function lengthOf({ headers }: FastifyRequest): number | null {
  if ('transfer-encoding' in headers) return null;
  return Number(headers['content-length'] ?? 0);
}

function described({ upload, kept }: Omit<Received, 'isNew'>, addresses: UploadDoor['addresses']) {
  const { contentType, byteSize, width, height, durationSeconds, sha256 } = kept;
  return {
    id: upload.id,
    url: addresses.urlOf(upload),
    contentType,
    byteSize,
    width,
    height,
    durationSeconds,
    sha256,
  };
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  { code, message }: UploadRefusal,
): FastifyReply {
  const { status } = UPLOAD_REFUSALS[code];
  if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  return answer(request, reply, status, { code, message });
}

function answer(request: FastifyRequest, reply: FastifyReply, status: number, body: object): FastifyReply {
  reply.code(status).type('application/json; charset=utf-8');
  return sendWithoutBody(request.raw, reply, JSON.stringify(body));
}
