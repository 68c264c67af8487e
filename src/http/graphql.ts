/** GraphQL over HTTP at `/graphql`. */
import { ApolloServer } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { type ReportUnexpected, toClientError } from '../errors.js';
import type { GatewayContext } from '../resolvers/context.js';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  readonly context: (headers: { readonly authorization?: string | undefined }) => Promise<GatewayContext>;
  readonly reportUnexpected: ReportUnexpected;
  readonly introspection: boolean;
  readonly log: Logger;
}

/** Adds the route; resolves when it can be served. Stop the returned server after the last request. */
export async function graphqlRoute(
  app: FastifyInstance,
  options: GraphqlOptions,
): Promise<ApolloServer<GatewayContext>> {
  const apollo = new ApolloServer<GatewayContext>({
    schema: options.schema,
    introspection: options.introspection,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    formatError: (formatted, error) => toClientError(formatted, error, options.reportUnexpected),
    // Caching by field costs a wrapper round every resolver, and these answers are not to be cached.
    plugins: [ApolloServerPluginCacheControlDisabled(), ApolloServerPluginLandingPageDisabled()],
    logger: options.log,
  });
  await apollo.start();
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    handler: fastifyApolloHandler<GatewayContext>(apollo, {
      context: (request) => options.context(request.headers),
    }),
  });
  return apollo;
}
