/**
 * GraphQL over HTTP at `/graphql`. Ordinary requests (POSTed JSON with a valid document, from clients that accept JSON)
 * are answered here. Apollo Server answers all others; it would give these the same answer at several times the cost.
 */
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { LRUCache } from 'lru-cache';
import Negotiator from 'negotiator';
import type { AskedOperation, Engine } from '../graphql/engine.js';
import type { Answer } from '../graphql/operation.js';
import { Apollo, type ApolloOptions } from './apollo.js';
import { Course } from './course.js';
import { EMPTY_BODY, headersOf, refuseOtherMethods, sendRefusal, statusOf } from './http-errors.js';
import { type OperationRequest, operationRequestOf } from './operation-request.js';
import { persistedQueryFault } from './persisted-queries.js';
import { endIfUnread } from './unread.js';

export const GRAPHQL_PATH = '/graphql';

interface GraphqlOptions extends ApolloOptions {
  /** Authenticates requests. */
  readonly onRequest: NonNullable<RouteShorthandOptions['onRequest']>;
}

/** GraphQL over HTTP, section 4.2. The first is the default. */
const CONTENT_TYPES = ['application/json; charset=utf-8', 'application/graphql-response+json; charset=utf-8'];

/** By `Accept`, because clients send the same few values, and reading one takes 5 % of a `job` query. */
const contentTypes = new LRUCache<string, string>({
  max: 100,
  memoMethod: (accept) => new Negotiator({ headers: { accept } }).mediaType(CONTENT_TYPES) ?? '',
});

/** Adds the route; resolves when it can be served. Stop the returned object after the last request. */
export async function graphqlRoute(
  app: FastifyInstance,
  options: GraphqlOptions,
): Promise<{ stop(): Promise<void> }> {
  const { engine } = options;
  const apollo = new Apollo(options);
  await apollo.start();
  refuseOtherMethods(app, GRAPHQL_PATH);
  app.route({
    method: ['GET', 'POST'],
    url: GRAPHQL_PATH,
    onRequest: options.onRequest,
    handler: async (request, reply) => {
      const meant = operationRequestOf(request);
      const fault = bodyFault(request, meant) ?? (engine.onlyTrusted ? null : persistedQueryFault(meant));
      if (fault !== null) return sendRefusal(reply, 400, fault);
      const course = new Course(engine, request, reply);
      try {
        if (isReadable(meant, engine)) await course.begin(meant);
        const { operation } = course;
        const contentType = operation?.isSubscription === false ? contentTypeFor(request, meant) : undefined;
        if (operation !== null && contentType !== undefined) {
          const answer = operation.answerTo(await operation.execute());
          // All answers of a turn are written together, because each write may wake the process that reads it.
          await setImmediate();
          return send(reply.type(contentType), answer);
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
function bodyFault({ method, body }: FastifyRequest, meant: OperationRequest): string | null {
  if (method !== 'POST' || Array.isArray(body)) return null;
  if (body !== undefined && (typeof body !== 'object' || body === null)) {
    return 'The body must be a JSON object, like {"query": "{ … }"}.';
  }
  return Object.keys(meant).length === 0 ? EMPTY_BODY : null;
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

/** Returns undefined if the request is not ordinary, or the client accepts neither type. */
function contentTypeFor(
  { method, headers: { accept } }: FastifyRequest,
  { query, documentId, extensions }: OperationRequest,
): string | undefined {
  const isOrdinary =
    method === 'POST' &&
    typeof query === 'string' &&
    documentId === undefined &&
    // Apollo Client names itself in `extensions`; Apollo Server reads persisted queries from them, and nothing else.
    (extensions == null ||
      (typeof extensions === 'object' && !Array.isArray(extensions) && !('persistedQuery' in extensions)));
  if (!isOrdinary) return undefined;
  return accept ? contentTypes.memo(accept) || undefined : CONTENT_TYPES[0];
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
