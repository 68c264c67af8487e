/**
 * Authenticates requests to all GraphQL endpoints before any of the body is read, and reads no more than the caller may
 * send.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { CallerContext } from '../resolvers/context.js';
import type { HeardBytes } from '../services/limits/heard-bytes.js';
import { type HeldBytes, type Holding, SMALL_BYTES } from '../services/limits/held-bytes.js';
import { gather, RefusedBody } from './body.js';
import { heardText, tooMany } from './heard-text.js';
import { inflated, isCompressed } from './inflate.js';
import { onceOver } from './once-over.js';
import { REFUSALS } from './refusals.js';
import { isLarge } from './unread-body.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on routes without authentication, where no body is read. */
    sender: Sender | null;
  }
}

export interface Sender {
  readonly context: CallerContext;
  /** Holds the bytes of the body until the request is answered. */
  readonly body: Holding;
}

/** In bytes: a picture of 5 MB in base64 fits. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** In bytes, for callers who may not send pictures: 100 images with the longest allowed URLs fit. */
const MAX_SMALL_BODY_BYTES = 1024 * 1024;
/** How many times as long a compressed body usually is at most when it is plain. */
const USUAL_RATIO = 20;

/** Returns the `onRequest` hook for routes with callers. Bodies are JSON, and only these routes accept any. */
export function askFirst(
  app: FastifyInstance,
  contextFor: (authorization: string | undefined) => Promise<CallerContext>,
  bodies: HeldBytes,
  heard: HeardBytes,
): onRequestAsyncHookHandler {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.decorateRequest('sender', null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request, payload, done) => {
    if (request.sender === null) {
      done(null);
      return;
    }
    read(request.sender, payload, heard).then(
      (text) =>
        parse(request, text, (error, value) => done(error === null ? null : reasonOf(error, text), value)),
      done,
    );
  });
  return async (request, reply) => {
    let sender: Sender | null = null;
    let isOver = false;
    onceOver(request, reply, () => {
      isOver = true;
      sender?.body.end();
    });
    const context = await contextFor(request.headers.authorization).catch((error: unknown) => {
      // Otherwise the body would be read just to discard it.
      if (isLarge(request.headers)) reply.header('connection', 'close');
      throw error;
    });
    // The client is gone.
    if (isOver) throw new RefusedBody(400);
    sender = { context, body: bodies.open(context.caller) };
    request.sender = sender;
  };
}

/** Fastify's parser has one error for what is no JSON and for members that could reach a prototype. */
function reasonOf(error: Error, text: string): Error {
  try {
    JSON.parse(text);
  } catch {
    return error;
  }
  return new RefusedBody(400, REFUSALS.MEMBER_NAME[1]);
}

/** Returns the sender of a request that has passed `askFirst`. */
export function senderOf({ sender }: FastifyRequest): Sender {
  if (sender === null) throw new Error('The request was not authenticated');
  return sender;
}

/**
 * Holds room for the plain bytes while they inflate: their number is not known before, so for as many as usual, and only
 * if there are more for the longest allowed body. Otherwise four small bodies at once would leave no room for others.
 */
async function inflatedWithin(
  body: Holding,
  bytes: Buffer,
  encoding: string,
  most: number,
  room = Math.min(most, Math.max(SMALL_BYTES, USUAL_RATIO * bytes.length)),
): Promise<Buffer> {
  if (!body.add(room)) throw tooMany();
  try {
    const plain = await inflated(bytes, encoding, room);
    body.remove(room - plain.length);
    return plain;
  } catch (error) {
    const isTooLong = error instanceof RefusedBody && error.statusCode === 413;
    if (!isTooLong || room === most) throw error;
  }
  body.remove(room);
  return inflatedWithin(body, bytes, encoding, most, most);
}

/** @throws RefusedBody; GatewayError RATE_LIMITED if the caller holds or has just sent too much */
async function read(
  { context: { caller }, body }: Sender,
  payload: IncomingMessage,
  heard: HeardBytes,
): Promise<string> {
  const most = caller.onlyJob === null ? MAX_BODY_BYTES : MAX_SMALL_BODY_BYTES;
  const bytes = await gather(payload, (size, more) => {
    if (size > most) throw new RefusedBody(413);
    if (!body.add(more)) throw tooMany();
  });
  const encoding = payload.headers['content-encoding'];
  const plain = isCompressed(encoding) ? await inflatedWithin(body, bytes, encoding, most) : bytes;
  return heardText(plain, (weight) => heard.take(caller, weight));
}
