/** GraphQL over HTTP at `/graphql`. */
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { type ReportUnexpected, toClientError } from '../errors.js';
import type { GatewayContext } from '../resolvers/context.js';
import { withStatus } from './http-errors.js';
import type { DocumentRequest, Operations } from './operations.js';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  readonly context: (authorization: string | undefined) => Promise<GatewayContext>;
  readonly reportUnexpected: ReportUnexpected;
  readonly introspection: boolean;
  readonly log: Logger;
}

/** Adds the route; resolves when it can be served. Stop the returned server after the last request. */
export async function graphqlRoute(
  app: FastifyInstance,
  options: GraphqlOptions,
): Promise<ApolloServer<GatewayContext>> {
  const { operations } = options;
  const apollo = new ApolloServer<GatewayContext>({
    schema: options.schema,
    introspection: options.introspection,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    parseOptions: { maxTokens: operations.maxTokens },
    validationOptions: { maxErrors: operations.maxErrors },
    ...(operations.onlyTrusted && { persistedQueries: false }),
    formatError: (formatted, error) => toClientError(formatted, error, options.reportUnexpected),
    plugins: [
      // Caching by field costs a wrapper round every resolver, and these answers are not to be cached.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      admission(operations),
    ],
    logger: options.log,
  });
  await apollo.start();
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    preHandler: async (request) => nameToText(request, operations),
    handler: fastifyApolloHandler<GatewayContext>(apollo, {
      context: async (request) => {
        try {
          const context = await options.context(request.headers.authorization);
          // Here rather than in a plugin: what a plugin throws so early is a 500 to Apollo Server.
          operations.check(parametersOf(request));
          return context;
        } catch (error) {
          throw withStatus(error);
        }
      },
    }),
  });
  return apollo;
}

/** Counts operations once Apollo Server knows which one is meant. */
function admission(operations: Operations): ApolloServerPlugin<GatewayContext> {
  return {
    requestDidStart: async () => ({
      didResolveOperation: async ({ document, operationName, contextValue }) => {
        try {
          await operations.admit(contextValue.caller, document, operationName);
        } catch (error) {
          throw withStatus(error);
        }
      },
    }),
  };
}

/** Where only trusted documents run, a request may name one: Apollo Server is given its text. */
async function nameToText(request: FastifyRequest, operations: Operations): Promise<void> {
  const named = parametersOf(request);
  const text = named.query == null ? operations.namedText(named) : null;
  if (text !== null) named.query = text;
}

/** What Apollo Server will read of the request; an empty object for what it will refuse. */
function parametersOf(request: FastifyRequest): { query?: unknown } & Omit<DocumentRequest, 'query'> {
  const source: unknown = request.method === 'GET' ? request.query : request.body;
  const isRecord = typeof source === 'object' && source !== null && !Array.isArray(source);
  return isRecord && typeof (source as DocumentRequest).query !== 'object' ? source : {};
}
