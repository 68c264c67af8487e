/**
 * Asks whose a request is before anything of its body is read, at every address of GraphQL; and reads of it no
 * more than this caller may send.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Operation } from '../graphql/operation.js';
import type { CallerContext } from '../resolvers/context.js';
import type { HeardBytes } from '../services/limits/heard-bytes.js';
import { type HeldBytes, type Holding, SMALL_BYTES } from '../services/limits/held-bytes.js';
import { gather, RefusedBody } from './body.js';
import { heardText, tooMany } from './heard-text.js';
import { onceOver } from './once-over.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null where nobody is asked who they are; and no body is read there. */
    sender: Sender | null;
  }
}

export interface Sender {
  readonly context: CallerContext;
  /** The bytes of the body, until the request is answered. */
  readonly body: Holding;
  /** What the request asks for, once it is under way. */
  operation: Operation | null;
  /** Whether the request was answered, or the caller has left. */
  isOver: boolean;
}

/** Bytes: a picture of 5 MB in base64 fits. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Bytes, of those who may send no picture: 100 images with the longest allowed addresses fit. */
const MAX_SMALL_BODY_BYTES = 1024 * 1024;

/** Returns what routes for callers are to have as their `onRequest`. Bodies are JSON, and only those routes take any. */
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
    read(request.sender, payload, heard).then((text) => parse(request, text, done), done);
  });
  return async (request, reply) => {
    let sender: Sender | null = null;
    let isOver = false;
    onceOver(request, reply, () => {
      isOver = true;
      if (sender === null) return;
      sender.isOver = true;
      sender.body.release();
      sender.operation?.leave();
    });
    const context = await contextFor(request.headers.authorization).catch((error: unknown) => {
      // Not even read to be thrown away.
      if (isLarge(request)) reply.header('connection', 'close');
      throw error;
    });
    // Nobody is there any more to be answered.
    if (isOver) throw new RefusedBody(400);
    sender = { context, body: bodies.open(context.caller), operation: null, isOver: false };
    request.sender = sender;
  };
}

/** A body that may be longer than what comes with the head. */
function isLarge({ headers }: FastifyRequest): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > SMALL_BYTES;
}

/** Of a request that has passed `askFirst`. */
export function senderOf({ sender }: FastifyRequest): Sender {
  if (sender === null) throw new Error('Nobody was asked whose this request is');
  return sender;
}

/** Its answer is given up with the request. Whoever runs the operation still has to end it. */
export function answerWith(sender: Sender, operation: Operation): void {
  sender.operation = operation;
  if (sender.isOver) operation.leave();
}

/** @throws RefusedBody; GatewayError RATE_LIMITED while too much is held, or was just heard, of the caller */
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
  return heardText(bytes, (weight) => heard.take(caller, weight));
}
