/**
 * GraphQL over Server-Sent Events at `/graphql/stream`, for clients that can't hold a WebSocket: graphql-sse in
 * its "distinct connections mode", one request for each operation.
 */
import type { FastifyPluginAsync } from 'fastify';
import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { createHandler } from 'graphql-sse/lib/use/fastify';
import { GatewayError, type ReportUnexpected, toClientError } from '../errors.js';
import type { GatewayContext } from '../resolvers/context.js';
import { statusOf } from './http-errors.js';
import type { Operations } from './operations.js';

export interface EventStreamOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  /** @throws AuthenticationError */
  readonly context: (authorization: string | undefined) => Promise<GatewayContext>;
  readonly reportUnexpected: ReportUnexpected;
  /** Streams at once; more are refused with 503. */
  readonly maxStreams: number;
}

export function eventStreamRoute(options: EventStreamOptions): FastifyPluginAsync {
  const { operations, schema } = options;
  const shown = (errors: readonly GraphQLError[]) =>
    errors.map((error) => toClientError(error.toJSON(), error, options.reportUnexpected));

  return async (app) => {
    const open = new Set<() => void>();
    const handle = createHandler<Record<string, unknown>>({
      // Null switches the single connection mode, which keeps state between requests, off.
      authenticate: () => null,
      onSubscribe: async (request, params) => {
        try {
          const context = await options.context(request.headers.get('authorization') ?? undefined);
          const document = operations.prepare(operations.textOf(params) ?? '');
          if (!('kind' in document)) return refusal(400, shown(document));
          await operations.admit(context.caller, document, params.operationName);
          endAtExpiry(request.context.reply.raw, context.caller.expiresAt);
          return {
            schema,
            document,
            operationName: params.operationName,
            variableValues: params.variables,
            contextValue: { ...context },
          };
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          return refusal(statusOf(error), shown([new GraphQLError(error.message, { originalError: error })]));
        }
      },
      onNext: (_context, _request, result) =>
        result.errors === undefined
          ? undefined
          : { ...result, errors: shown(result.errors).map(toGraphQLError) },
    });

    app.addHook('preClose', async () => {
      for (const end of open) end();
    });
    app.route({
      method: ['GET', 'POST'],
      url: '/graphql/stream',
      handler: async (request, reply) => {
        if (open.size >= options.maxStreams) return reply.code(503).send();
        const end = (): void => void reply.raw.end();
        open.add(end);
        reply.raw.once('close', () => open.delete(end));
        reply.raw.setHeader('x-accel-buffering', 'no');
        await handle(request, reply);
        return reply;
      },
    });
  };
}

/** The credentials are checked once; a stream does not outlive them. */
function endAtExpiry(response: NodeJS.WritableStream, expiresAt: number | null): void {
  if (expiresAt === null) return;
  const timer = setTimeout(() => response.end(), Math.min(Math.max(0, expiresAt - Date.now()), 2 ** 31 - 1));
  response.once('close', () => clearTimeout(timer));
}

/** graphql-sse takes errors as GraphQL itself makes them, and writes them as they are formatted. */
function toGraphQLError({ message, path, extensions = {} }: GraphQLFormattedError): GraphQLError {
  return new GraphQLError(message, { path, extensions });
}

function refusal(status: number, errors: readonly unknown[]) {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return [JSON.stringify({ errors }), { status, statusText: '', headers }] as const;
}
