/**
 * GraphQL over HTTP at `/graphql`. Ordinary requests (POSTed JSON with a valid document, from clients that accept JSON)
 * are answered here, and event streams in event-stream.ts. Apollo Server answers all others; it would give the ordinary
 * ones the same answer at several times the cost.
 */
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import type { AskedOperation, Engine } from '../graphql/engine.js';
import type { Answer } from '../graphql/operation.js';
import { acceptedType, EVENT_STREAM } from './accepted-type.js';
import { Apollo, type ApolloOptions } from './apollo.js';
import { Course } from './course.js';
import type { EventStreams } from './event-stream.js';
import { headersOf, refuseOtherMethods, sendRefusal, statusOf } from './http-errors.js';
import { type OperationRequest, operationRequestOf } from './operation-request.js';
import { persistedQueryFault } from './persisted-queries.js';
import { REFUSALS, type Refusal } from './refusals.js';
import { endIfUnread } from './unread.js';

export const GRAPHQL_PATH = '/graphql';

interface GraphqlOptions extends ApolloOptions {
  /** Authenticates requests. */
  readonly onRequest: NonNullable<RouteShorthandOptions['onRequest']>;
  readonly streams: EventStreams;
}

/** Adds the route; resolves when it can be served. Stop the returned object after the last request. */
export async function graphqlRoute(
  app: FastifyInstance,
  options: GraphqlOptions,
): Promise<{ stop(): Promise<void> }> {
  const { engine, streams } = options;
  const apollo = new Apollo(options);
  await apollo.start();
  refuseOtherMethods(app, GRAPHQL_PATH);
  app.route({
    method: ['GET', 'POST'],
    url: GRAPHQL_PATH,
    onRequest: options.onRequest,
    handler: async (request, reply) => {
      const type = acceptedType(request.headers.accept);
      if (type === EVENT_STREAM) return streams.answer(request, reply);
      const meant = operationRequestOf(request);
      const fault = bodyFault(request, meant) ?? (engine.onlyTrusted ? null : persistedQueryFault(meant));
      if (fault !== null) return sendRefusal(reply, ...fault);
      const course = new Course(engine, request, reply);
      try {
        if (isReadable(meant, engine)) await course.begin(meant);
        const { operation } = course;
        if (operation?.isSubscription === false && type !== '' && isOrdinary(request, meant)) {
          const answer = operation.answerTo(await operation.execute());
          // All answers of a turn are written together, because each write may wake the process that reads it.
          await setImmediate();
          return send(reply.type(type), answer);
        }
        const { status, headers, body } = await apollo.answer(request, meant, course);
        for (const [name, value] of headers) reply.header(name, value);
        reply.code(status);
        endIfUnread(reply.raw, body);
        return body;
      } finally {
        course.operation?.end();
      }
    },
  });
  return apollo;
}

/**
 * Returns what is wrong with the body of a POST that contains no request; null if nothing is. Apollo Server would only
 * give several possible reasons, or warn of pages of other sites. It still answers batches.
 */
function bodyFault({ method, body }: FastifyRequest, meant: OperationRequest): Refusal | null {
  if (method !== 'POST' || Array.isArray(body)) return null;
  if (body !== undefined && (typeof body !== 'object' || body === null)) {
    return REFUSALS.NOT_AN_OBJECT;
  }
  return Object.keys(meant).length === 0 ? REFUSALS.EMPTY_BODY : null;
}

/** Whether the engine can read it; Apollo Server handles persisted queries and invalid requests. */
function isReadable(meant: OperationRequest, { onlyTrusted }: Engine): meant is AskedOperation {
  const { query, operationName = null, variables = null } = meant;
  return (
    (onlyTrusted || (typeof query === 'string' && query !== '')) &&
    (operationName === null || typeof operationName === 'string') &&
    typeof variables === 'object' &&
    !Array.isArray(variables)
  );
}

function isOrdinary(
  { method }: FastifyRequest,
  { query, documentId, extensions }: OperationRequest,
): boolean {
  return (
    method === 'POST' &&
    typeof query === 'string' &&
    documentId === undefined &&
    // Apollo Client names itself in `extensions`; Apollo Server reads persisted queries from them, and nothing else.
    (extensions == null ||
      (typeof extensions === 'object' && !Array.isArray(extensions) && !('persistedQuery' in extensions)))
  );
}

function send(reply: FastifyReply, { outage, errors, data }: Answer): FastifyReply {
  const status = outage !== null ? statusOf(outage) : data === undefined ? 400 : 200;
  const answer = { errors, ...(outage === null && { data }) };
  const body = `${JSON.stringify(answer)}\n`;
  endIfUnread(reply.raw, body);
  return reply
    .code(status)
    .headers(outage === null ? {} : headersOf(outage))
    .send(body);
}
