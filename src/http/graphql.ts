/** GraphQL over HTTP at `/graphql`. */
import { ApolloServer, type ApolloServerPlugin, HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import type { FastifyInstance, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { GraphQLError, type GraphQLSchema, OperationTypeNode } from 'graphql';
import type { Logger } from 'pino';
import { type ReportUnexpected, toClientError } from '../graphql/client-errors.js';
import type { Operations } from '../graphql/operations.js';
import { outageOf, withJobs } from '../graphql/outcome.js';
import type { GatewayContext } from '../resolvers/context.js';
import { contextOf } from './callers.js';
import { DirectAnswers } from './direct-answers.js';
import { headersOf, statusOf, withStatus } from './http-errors.js';
import { type OperationRequest, operationRequestOf, searchOf, toSearch } from './operation-request.js';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  /** Lets in whom it may, and says whose each request is. */
  readonly onRequest: NonNullable<RouteShorthandOptions['onRequest']>;
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
  const direct = new DirectAnswers(options);
  const apollo = new ApolloServer<GatewayContext>({
    schema: options.schema,
    introspection: options.introspection,
    hideSchemaDetailsFromClientErrors: !options.introspection,
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
      admission(operations, direct),
    ],
    logger: options.log,
  });
  await apollo.start();
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    onRequest: options.onRequest,
    handler: async (request, reply) => {
      const meant = operationRequestOf(request);
      const context = contextOf(request);
      const known = await direct.answer(request, meant, context);
      if (known !== null) {
        return reply.code(known.status).headers(known.headers).type(known.contentType).send(known.body);
      }
      const answer = await apollo.executeHTTPGraphQLRequest({
        httpGraphQLRequest: toApollo(request, meant, operations),
        context: async () => {
          try {
            // Here rather than in a plugin: what a plugin throws so early is a 500 to Apollo Server.
            operations.check(meant);
            return context;
          } catch (error) {
            throw withStatus(error);
          }
        },
      });
      for (const [name, value] of answer.headers) reply.header(name, value);
      reply.code(answer.status ?? 200);
      if (reply.statusCode === 200) direct.learn(request, answer.headers.get('content-type'));
      // Only @defer and @stream give their answers in pieces, and this schema has neither.
      return answer.body.kind === 'complete' ? answer.body.string : '';
    },
  });
  return apollo;
}

/** Counts operations once Apollo Server knows which one is meant, unless they are counted already. */
function admission(operations: Operations, direct: DirectAnswers): ApolloServerPlugin<GatewayContext> {
  return {
    requestDidStart: async () => ({
      didResolveOperation: async ({ document, operation, contextValue }) => {
        try {
          // What can't be told apart is refused by Apollo Server itself.
          if (operation == null) return;
          if (operation.operation === OperationTypeNode.SUBSCRIPTION) throw subscriptionElsewhere();
          if (direct.hasAdmitted(contextValue)) return;
          await operations.admit(contextValue.caller, document, operation);
        } catch (error) {
          throw withStatus(error);
        }
      },
      willSendResponse: async ({ contextValue: { accepted }, errors, response }) => {
        if (response.body.kind !== 'single' || errors === undefined) return;
        const { singleResult } = response.body;
        const shown = singleResult.errors ?? [];
        const outage = outageOf(errors, accepted);
        if (outage === null) {
          singleResult.errors = withJobs(shown, singleResult.data, accepted);
        } else {
          response.body.singleResult = { errors: shown };
          response.http.status = statusOf(outage);
          for (const [name, value] of Object.entries(headersOf(outage)))
            response.http.headers.set(name, value);
        }
      },
    }),
  };
}

/** Apollo Server would run the field of a subscription as if it were a query's. */
function subscriptionElsewhere(): GraphQLError {
  return new GraphQLError(
    'Subscribe over a WebSocket at this address, or as an event stream at /graphql/stream.',
    {
      extensions: { code: ApolloServerErrorCode.BAD_REQUEST, http: { status: 400 } },
    },
  );
}

/** The request as Apollo Server takes it: with the text where it only names a trusted document. */
function toApollo(
  request: FastifyRequest,
  meant: OperationRequest,
  operations: Operations,
): HTTPGraphQLRequest {
  const { method, body } = request;
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, String(value));
  }
  // Apollo Server's own look at this would miss urql, and it has been looked at.
  if (method === 'GET') headers.set('apollo-require-preflight', 'true');
  const text = operations.onlyTrusted ? (meant.query ?? operations.namedText(meant)) : null;
  if (text === null) {
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
    return { method, headers, body: isObject ? meant : body, search: searchOf(request) };
  }
  meant.query = text;
  // The id has done its work; Apollo Server would take it for one of its own persisted queries.
  delete meant.extensions;
  return { method, headers, body: meant, search: method === 'GET' ? toSearch(meant) : '' };
}
