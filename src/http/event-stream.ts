/**
 * GraphQL over Server-Sent Events at `/graphql/stream`, for clients that can't hold a WebSocket: graphql-sse in
 * its "distinct connections mode", one request for each operation.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { createHandler } from 'graphql-sse';
import { GatewayError, isStoreUnavailable, type ReportUnexpected } from '../errors.js';
import type { GatewayContext } from '../resolvers/context.js';
import { AuthenticationError } from '../services/auth/authenticator.js';
import { headersOf, sendErrors, sendRefusal, statusOf } from './http-errors.js';
import { type OperationRequest, operationRequestOf, toSearch } from './operation-request.js';
import { isMutation, type Operations } from './operations.js';
import { outageOf, shownErrors } from './outcome.js';

export interface EventStreamOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  /** @throws AuthenticationError */
  readonly context: (authorization: string | undefined) => Promise<GatewayContext>;
  readonly reportUnexpected: ReportUnexpected;
  /** Streams at once; more are refused with 503. */
  readonly maxStreams: number;
}

const EVENT_STREAM = 'text/event-stream';
/** From the end of a stream that an outage ended to the client's next try. */
const RETRY_MS = 2000;
/** What a timer can count, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function eventStreamRoute(options: EventStreamOptions): FastifyPluginAsync {
  const { schema, operations } = options;
  const shown = (errors: readonly GraphQLError[]) => shownErrors({ errors }, null, options.reportUnexpected);

  const handle = createHandler<FastifyRequest, ServerResponse, StreamContext>({
    // Null switches the single connection mode, which keeps state between requests, off.
    authenticate: () => null,
    onSubscribe: async (request, params) => {
      const context = await options.context(request.raw.headers.authorization);
      endAtExpiry(request.context, context.caller.expiresAt);
      const document = await operations.admitted(context.caller, params);
      if (!('kind' in document)) return refusal(400, shown(document));
      return {
        schema,
        document,
        operationName: params.operationName,
        variableValues: params.variables,
        contextValue: {
          ...context,
          accepted: isMutation(document, params.operationName) ? new Map() : null,
        },
      };
    },
    // It was validated when it was looked at for the first time.
    validate: () => [],
    // A subscription that could not begin is a result too.
    onOperation: ({ accepted }, _request, _args, result) => {
      if ('errors' in result && accepted === null) endInOutage(result.errors);
    },
    onNext: ({ accepted }, _request, result) => {
      const { errors, data } = result;
      if (errors === undefined) return undefined;
      // A mutation is answered: the client would send it again.
      if (accepted === null) endInOutage(errors);
      const told = shownErrors({ errors, data }, accepted, options.reportUnexpected);
      return { ...result, errors: told.map(toGraphQLError) };
    },
  });

  return async (app) => {
    const open = new Set<ServerResponse>();
    app.addHook('preClose', async () => {
      for (const response of open) finish(response);
    });
    app.route({
      method: ['GET', 'POST'],
      url: '/graphql/stream',
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        if (!acceptsEvents(request.headers.accept)) {
          return sendRefusal(reply, 406, `Send accept: ${EVENT_STREAM}, or use /graphql.`);
        }
        if (open.size >= options.maxStreams) return sendRefusal(reply, 503);
        const response = reply.raw;
        open.add(response);
        response.once('close', () => open.delete(response));
        try {
          await answer(request, reply);
        } catch (error) {
          if (isStoreUnavailable(error) && !response.headersSent && request.method === 'GET') {
            // EventSource gives up on any other status, and comes again when a stream ends.
            return reply.type(EVENT_STREAM).send(`retry: ${RETRY_MS}\n\n`);
          }
          if (error instanceof GatewayError && !response.headersSent) {
            const wrapped = new GraphQLError(error.message, { originalError: error });
            return sendErrors(reply, statusOf(error), shown([wrapped]), headersOf(error));
          }
          if (!response.headersSent) throw error;
          // A subscription that breaks: all that can still be said is that there is no more. Clients come again when
          // a stream ends that was not completed.
          if (!response.destroyed) shown([new GraphQLError('', { originalError: asError(error) })]);
          response.end();
        }
        return reply;
      },
    });
  };

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const response = reply.raw;
    const gone = once(response, 'close').catch(() => {});
    const meant = withText(operationRequestOf(request), operations);
    const [body, { status, headers = {} }] = await handle({
      method: request.method,
      // Written anew: graphql-sse reads no further than a second question mark.
      url: request.method === 'GET' ? `/graphql/stream${toSearch(meant)}` : request.url,
      headers: { get: (name) => (name === 'accept' ? EVENT_STREAM : headerOf(request, name)) },
      body: { ...meant },
      raw: request,
      context: response,
    });
    if (body === null || typeof body === 'string') {
      for (const [name, value] of Object.entries(headers)) if (value !== undefined) reply.header(name, value);
      if (body === null) await sendRefusal(reply, status);
      else await reply.code(status).send(body);
      return;
    }
    // Whoever has left while the operation began is never heard of again.
    if (response.destroyed || response.writableEnded) {
      await body.return(undefined);
      return;
    }
    reply.hijack();
    void gone.then(() => body.return(undefined));
    for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...headers })) {
      // Node knows whether the connection goes on.
      if (value !== undefined && name !== 'connection') response.setHeader(name, value);
    }
    // Proxies must not wait for more before they hand on what there is.
    response.setHeader('x-accel-buffering', 'no').writeHead(status);
    for await (const event of body) {
      if (response.writableEnded || response.destroyed) break;
      // A follower who does not read is given the newest state when they do, so nothing piles up here.
      if (!response.write(event)) await Promise.race([once(response, 'drain'), gone]);
    }
    response.end();
  }
}

type StreamContext = GatewayContext & Record<PropertyKey, unknown>;

/** @throws GatewayError STORE_UNAVAILABLE, which ends the stream before it says anything of this result */
function endInOutage(errors: readonly GraphQLError[] | undefined): void {
  const outage = outageOf(errors, null);
  if (outage !== null) throw outage;
}

/** A document may be named instead of sent, which graphql-sse does not know of. */
function withText(meant: OperationRequest, operations: Operations): OperationRequest {
  const text = meant.query ?? operations.namedText(meant);
  return text === null ? meant : { ...meant, query: text };
}

function headerOf({ headers }: FastifyRequest, name: string): string | null {
  const value = headers[name];
  return value === undefined ? null : String(value);
}

function acceptsEvents(accept = ''): boolean {
  return accept.split(',').some((type) => type.split(';', 1)[0]?.trim().toLowerCase() === EVENT_STREAM);
}

/** The credentials are checked once; a stream does not outlive them. */
function endAtExpiry(response: ServerResponse, expiresAt: number | null): void {
  if (expiresAt === null) return;
  const left = expiresAt - Date.now();
  if (left <= 0) throw new AuthenticationError('expired');
  const timer = setTimeout(() => finish(response), Math.min(left, LONGEST_TIMER_MS));
  response.once('close', () => clearTimeout(timer));
}

/** What has not begun yet is cut off: ending it would look like an answer. */
function finish(response: ServerResponse): void {
  if (response.headersSent) response.end();
  else response.destroy();
}

/** graphql-sse takes errors as GraphQL itself makes them, and writes them as they are formatted. */
function toGraphQLError({ message, path, extensions = {} }: GraphQLFormattedError): GraphQLError {
  return new GraphQLError(message, { path, extensions });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function refusal(status: number, errors: readonly unknown[]) {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return [JSON.stringify({ errors }), { status, statusText: '', headers }] as const;
}
