/**
 * GraphQL over Server-Sent Events, for clients that can't hold a WebSocket: the protocol of graphql-sse in its
 * "distinct connections mode", one request for each operation
 * (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md). `/graphql/stream` answers only with events,
 * `/graphql` if the client likes them best.
 *
 * It does not use graphql-sse's own handler, which takes events from their source as fast as they arrive and buffers
 * those that the client has not read.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { GraphQLError, OperationTypeNode } from 'graphql';
import { GatewayError, isStoreUnavailable } from '../errors.js';
import type { ReportUnexpected } from '../graphql/client-errors.js';
import type { AskedOperation, Engine } from '../graphql/engine.js';
import type { Answer, Operation } from '../graphql/operation.js';
import { shownErrors } from '../graphql/outcome.js';
import { AuthenticationError } from '../services/auth/authenticator.js';
import { EVENT_STREAM } from './accepted-type.js';
import { senderOf } from './callers.js';
import { EventWriter } from './event-writer.js';
import { atExpiry } from './expiry.js';
import { headersOf, refuseOtherMethods, sendErrors, sendRefusal, statusOf } from './http-errors.js';
import { onceOver } from './once-over.js';
import { type OperationRequest, operationRequestOf } from './operation-request.js';
import { type PersistedTexts, persistedHash, persistedQueryFault } from './persisted-queries.js';
import { REFUSALS } from './refusals.js';

interface EventStreamOptions {
  readonly engine: Engine;
  /** Not used if only trusted documents may run. */
  readonly persisted: PersistedTexts;
  readonly reportUnexpected: ReportUnexpected;
  /** The maximum number of open streams; more are refused with 503. */
  readonly maxStreams: number;
}

export const STREAM_PATH = '/graphql/stream';
/** How long clients wait before they reconnect after an outage has ended their stream. */
const RETRY_MS = 2000;

/** The request is answered with these errors, and no stream begins. */
class RefusedStream extends Error {
  readonly status: number;
  readonly errors: readonly GraphQLError[];
  readonly headers: Record<string, string>;

  static by(error: GatewayError, status = statusOf(error)): RefusedStream {
    const shown = new GraphQLError(error.message, { originalError: error });
    return new RefusedStream(status, [shown], headersOf(error));
  }

  constructor(status: number, errors: readonly GraphQLError[], headers: Record<string, string> = {}) {
    super('refused');
    this.status = status;
    this.errors = errors;
    this.headers = headers;
  }
}

export class EventStreams {
  readonly #options: EventStreamOptions;
  readonly #open = new Set<ServerResponse>();
  /** Streams of mutations. A stop waits for them, because a client without an answer would retry and pay again. */
  readonly #answers = new WeakSet<ServerResponse>();

  constructor(app: FastifyInstance, options: EventStreamOptions) {
    this.#options = options;
    app.addHook('preClose', async () => {
      for (const response of this.#open) if (!this.#answers.has(response)) finish(response);
    });
  }

  /** Resolves when the stream has ended, or when the request was refused. */
  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { reportUnexpected, maxStreams } = this.#options;
    if (this.#open.size >= maxStreams) return refuse(tooManyStreams(), request, reply, reportUnexpected);
    const response = reply.raw;
    this.#open.add(response);
    onceOver(request, reply, () => this.#open.delete(response));
    let operation: Operation | null = null;
    try {
      operation = await begin(request, reply, this.#options);
      if (operation.isMutation) this.#answers.add(response);
      await run(operation, request, reply, reportUnexpected);
    } catch (error) {
      return refuse(error, request, reply, reportUnexpected);
    } finally {
      operation?.end();
    }
    return reply;
  }
}

/** @param onRequest authenticates requests */
export function eventStreamRoute(
  app: FastifyInstance,
  streams: EventStreams,
  onRequest: NonNullable<RouteShorthandOptions['onRequest']>,
): void {
  refuseOtherMethods(app, STREAM_PATH);
  app.route({
    method: ['GET', 'POST'],
    url: STREAM_PATH,
    exposeHeadRoute: false,
    onRequest,
    handler: async (request, reply) =>
      acceptsEvents(request.headers.accept)
        ? streams.answer(request, reply)
        : sendRefusal(reply, ...REFUSALS.NOT_EVENT_STREAM),
  });
}

/** @throws RefusedStream, GatewayError */
async function begin(
  request: FastifyRequest,
  reply: FastifyReply,
  { engine, persisted }: EventStreamOptions,
): Promise<Operation> {
  const meant = operationRequestOf(request);
  const asked = checked(engine.onlyTrusted ? meant : withText(meant, persisted));
  const { context } = senderOf(request);
  const admission = await engine.admit(context.caller, asked);
  if ('errors' in admission) throw new RefusedStream(400, admission.errors);
  if (!engine.onlyTrusted) keepText(asked, persisted);
  const type = admission.operation.operation;
  if (type === OperationTypeNode.MUTATION && request.method === 'GET') {
    throw new RefusedStream(405, [badRequest('Mutations must be sent by POST.')], { allow: 'POST' });
  }
  if (type !== OperationTypeNode.MUTATION) endAtExpiry(request, reply, context.caller.expiresAt);
  if (type === OperationTypeNode.SUBSCRIPTION) dropBody(request);
  const onceLeft = (leave: () => void): void => onceOver(request, reply, leave);
  const operation = await engine.begin(context, admission, asked, onceLeft);
  onceLeft(() => operation.leave());
  return operation;
}

/** Adds the text of a persisted query that the request only names. @throws RefusedStream */
function withText(meant: OperationRequest, persisted: PersistedTexts): OperationRequest {
  const fault = persistedQueryFault(meant);
  if (fault !== null) {
    const [status, message] = fault;
    throw new RefusedStream(status, [badRequest(message)]);
  }
  const hash = persistedHash(meant);
  if (hash === null || (typeof meant.query === 'string' && meant.query !== '')) return meant;
  const query = persisted.get(hash);
  if (query === undefined) throw new RefusedStream(200, [textNotFound()]);
  return { ...meant, query };
}

/** Keeps the text of a persisted query, which is valid. */
function keepText({ query, extensions }: AskedOperation, persisted: PersistedTexts): void {
  const hash = persistedHash({ extensions });
  if (hash !== null && typeof query === 'string') persisted.set(hash, query);
}

/** As Apollo Server says it; clients then send the text too. */
function textNotFound(): GraphQLError {
  return new GraphQLError('PersistedQueryNotFound', { extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } });
}

function tooManyStreams(): RefusedStream {
  const error = new GatewayError('RATE_LIMITED', 'Too many event streams are open; try again later.', {
    extensions: { retryAfterSeconds: 1 },
  });
  return RefusedStream.by(error, 503);
}

/** Otherwise it would stay in memory as long as the stream. */
function dropBody(request: FastifyRequest): void {
  request.body = undefined;
  request.sender?.body.release();
}

/** @throws RefusedStream if a member has the wrong type */
function checked(meant: OperationRequest): AskedOperation {
  const { query = null, variables = null, operationName = null } = meant;
  if (query !== null && typeof query !== 'string') {
    throw new RefusedStream(400, [badRequest('"query" must be the text of a document.')]);
  }
  if (typeof variables !== 'object' || Array.isArray(variables)) {
    throw new RefusedStream(400, [badRequest('"variables" must be an object.')]);
  }
  if (operationName !== null && typeof operationName !== 'string') {
    throw new RefusedStream(400, [badRequest('"operationName" must be a string.')]);
  }
  return { ...meant, variables, operationName };
}

/** Resolves when the stream ends. @throws GatewayError STORE_UNAVAILABLE before it begins */
async function run(
  operation: Operation,
  request: FastifyRequest,
  reply: FastifyReply,
  reportUnexpected: ReportUnexpected,
): Promise<void> {
  const writer = new EventWriter(request, reply);
  const open = (): void => {
    reply.hijack();
    writer.begin(reply.getHeaders());
  };
  const results = await (operation.isSubscription ? operation.subscribe() : operation.execute());
  if (!(Symbol.asyncIterator in results)) {
    const text = toText(operation.answerTo(results), operation);
    open();
    await writer.write(text);
    writer.complete();
    return;
  }
  // If the client left while the operation began, no further event is fired.
  if (writer.isOver) await results.return();
  void writer.gone.then(() => results.return());
  open();
  const { answer } = operation.contextValue;
  try {
    for await (const result of results) {
      if (writer.isOver) return;
      const text = toText(operation.answerToEvent(result), operation);
      if (answer.isEmpty) answer.take(text.length);
      await writer.write(text);
      answer.release();
    }
    writer.complete();
  } catch (error) {
    // The only thing left is to end the stream. Clients reconnect if it ends without `complete`.
    if (!(error instanceof GatewayError)) reportUnexpected(error, randomUUID());
    writer.end();
  }
}

/** @throws GatewayError STORE_UNAVAILABLE, which ends the stream before this result is sent */
function toText({ outage, errors, data }: Answer, { isMutation }: Operation): string {
  // A mutation is always answered, because otherwise the client would send it again.
  if (outage !== null && !isMutation) throw outage;
  return JSON.stringify({ errors, data });
}

function refuse(
  error: unknown,
  { method }: FastifyRequest,
  reply: FastifyReply,
  reportUnexpected: ReportUnexpected,
): FastifyReply {
  if (isStoreUnavailable(error) && method === 'GET') {
    // EventSource gives up on any status other than 200, and reconnects when a stream ends.
    return reply.type(EVENT_STREAM).send(`retry: ${RETRY_MS}\n\n`);
  }
  if (!(error instanceof GatewayError || error instanceof RefusedStream)) throw error;
  const { status, errors, headers } = error instanceof GatewayError ? RefusedStream.by(error) : error;
  return sendErrors(reply, status, shownErrors({ errors }, null, reportUnexpected), headers);
}

function badRequest(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
}

function acceptsEvents(accept = ''): boolean {
  return accept.split(',').some((type) => type.split(';', 1)[0]?.trim().toLowerCase() === EVENT_STREAM);
}

/** Credentials are checked once; a stream ends when they expire. */
function endAtExpiry(request: FastifyRequest, reply: FastifyReply, expiresAt: number | null): void {
  if (expiresAt === null) return;
  if (expiresAt <= Date.now()) throw new AuthenticationError('expired');
  onceOver(
    request,
    reply,
    atExpiry(expiresAt, () => finish(reply.raw)),
  );
}

/** A response that has not begun is destroyed, because ending it would look like an answer. */
function finish(response: ServerResponse): void {
  if (response.headersSent) response.end();
  else response.destroy();
}
