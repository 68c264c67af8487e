/** GraphQL over HTTP at `/graphql`. */
import type { IncomingHttpHeaders } from 'node:http';
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
    onRequest: async ({ method, headers }) => {
      if (method === 'GET' && isMeant(headers)) headers['apollo-require-preflight'] ??= 'true';
    },
    handler: fastifyApolloHandler<GatewayContext>(apollo, {
      context: (request) => options.context(request.headers),
    }),
  });
  return apollo;
}

/**
 * Whether a GET was meant for GraphQL, and not slipped in by another site's link, picture or form: those can't
 * name a media type, and browsers say when a request comes from elsewhere. urql sends queries this way, with
 * none of the headers that Apollo's CSRF prevention looks for.
 */
function isMeant({ accept, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  return /\bapplication\/(graphql-response\+)?json\b/i.test(accept ?? '') && site !== 'cross-site';
}
