/** GraphQL over HTTP at `/graphql`. */
import { ApolloServer, type ApolloServerPlugin, HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import type { FastifyInstance, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { type DocumentNode, GraphQLError, type GraphQLSchema, Kind, OperationTypeNode } from 'graphql';
import type { Logger } from 'pino';
import { withinBudget } from '../graphql/answer-size.js';
import { type ReportUnexpected, toClientError } from '../graphql/client-errors.js';
import { textOf } from '../graphql/document-nodes.js';
import type { Admission, AskedOperation, Operations } from '../graphql/operations.js';
import { outageOf, shownErrors, withJobs } from '../graphql/outcome.js';
import type { GatewayContext } from '../resolvers/context.js';
import { contextOf } from './callers.js';
import { DirectAnswers } from './direct-answers.js';
import { headersOf, statusOf, withStatus } from './http-errors.js';
import { onceOver } from './once-over.js';
import { type OperationRequest, operationRequestOf, searchOf, toSearch } from './operation-request.js';
import { persistedQueries } from './persisted-queries.js';
import { endIfUnread } from './unread.js';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  /** Lets in whom it may, and says whose each request is. */
  readonly onRequest: NonNullable<RouteShorthandOptions['onRequest']>;
  readonly reportUnexpected: ReportUnexpected;
  readonly introspection: boolean;
  readonly log: Logger;
}

/** What becomes of one request. */
interface Course {
  /** Null while it is not known what is meant. */
  admission: Admission | null;
  /** Whether it is answered with what is wrong with it. */
  isRefused: boolean;
  /** Takes what is to be called when the caller has left. */
  readonly onceLeft: (leave: () => void) => void;
  /** What is to be called when it has been executed. */
  end: () => void;
}

interface HttpContext extends GatewayContext {
  readonly course: Course;
}

/** In place of one that is refused. */
const NO_DOCUMENT: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };

/** Adds the route; resolves when it can be served. Stop the returned server after the last request. */
export async function graphqlRoute(
  app: FastifyInstance,
  options: GraphqlOptions,
): Promise<ApolloServer<HttpContext>> {
  const { operations } = options;
  const direct = new DirectAnswers(options);
  const apollo = new ApolloServer<HttpContext>({
    schema: options.schema,
    introspection: options.introspection,
    hideSchemaDetailsFromClientErrors: !options.introspection,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    // Ours are the only documents; see `admission`.
    documentStore: null,
    persistedQueries: operations.onlyTrusted ? false : persistedQueries(),
    formatError: (formatted, error) => toClientError(formatted, error, options.reportUnexpected),
    plugins: [
      // Caching by field costs a wrapper round every resolver, and these answers are not to be cached.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      admission(options),
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
      const course: Course = {
        admission: null,
        isRefused: false,
        onceLeft: (leave) => onceOver(request, reply, leave),
        end: () => {},
      };
      try {
        if (isReadable(meant, operations)) await admit(operations, context, meant, course);
        if (course.admission !== null && 'document' in course.admission) {
          const known = await direct.answer(request, meant, course.admission, context);
          if (known !== null) {
            endIfUnread(reply.raw, known.body);
            return reply.code(known.status).headers(known.headers).type(known.contentType).send(known.body);
          }
        }
        const answer = await apollo.executeHTTPGraphQLRequest({
          httpGraphQLRequest: toApollo(request, meant, course.admission, operations),
          context: async () => {
            // Here rather than in a plugin: it goes before what Apollo Server finds wrong with the request.
            refuse(course);
            return { ...context, course };
          },
        });
        for (const [name, value] of answer.headers) reply.header(name, value);
        reply.code(answer.status ?? 200);
        if (reply.statusCode === 200) direct.learn(request, answer.headers.get('content-type'));
        if (course.isRefused && course.admission !== null && 'errors' in course.admission) {
          // Apollo Server takes one error only.
          const errors = shownErrors(course.admission, null, options.reportUnexpected);
          return `${JSON.stringify({ errors })}\n`;
        }
        // Only @defer and @stream give their answers in pieces, and this schema has neither.
        const text = answer.body.kind === 'complete' ? answer.body.string : '';
        endIfUnread(reply.raw, text);
        return text;
      } finally {
        course.end();
      }
    },
  });
  return apollo;
}

/** Whether it can be said by now what is meant; Apollo Server knows persisted queries, and what is wrong with others. */
function isReadable(meant: OperationRequest, { onlyTrusted }: Operations): meant is AskedOperation {
  const { query, operationName = null, variables = null } = meant;
  return (
    (onlyTrusted || (typeof query === 'string' && query !== '')) &&
    (operationName === null || typeof operationName === 'string') &&
    typeof variables === 'object' &&
    !Array.isArray(variables)
  );
}

/** What is thrown is an error of the request like any other. */
async function admit(
  operations: Operations,
  context: GatewayContext,
  meant: AskedOperation,
  course: Course,
): Promise<void> {
  const { caller } = context;
  try {
    course.admission = await operations.admit(caller, meant);
    if ('errors' in course.admission) return;
    const { document, turn, end } = await operations.begin(caller, course.admission, course.onceLeft);
    course.admission = { ...course.admission, document };
    course.end = end;
    Object.assign(context, { turn });
  } catch (error) {
    const refusal = withStatus(error);
    if (!(refusal instanceof GraphQLError)) throw error;
    course.admission = { errors: [refusal] };
  }
}

/** @throws GraphQLError the first of those that are wrong with the request, if any */
function refuse(course: Course): void {
  if (course.admission === null || !('errors' in course.admission)) return;
  course.isRefused = true;
  throw course.admission.errors[0];
}

/** Gives Apollo Server the document, which it would otherwise parse and validate once more, and keep. */
function admission({ operations, reportUnexpected }: GraphqlOptions): ApolloServerPlugin<HttpContext> {
  return {
    requestDidStart: async () => ({
      didResolveSource: async (requestContext) => {
        const { contextValue, source, request } = requestContext;
        const { course } = contextValue;
        if (course.admission === null) {
          await admit(operations, contextValue, { ...request, query: source }, course);
        }
        const { admission } = course;
        const document = admission !== null && 'document' in admission ? admission.document : NO_DOCUMENT;
        Object.assign(requestContext, { document });
      },
      didResolveOperation: async ({ operation, contextValue: { course } }) => {
        refuse(course);
        if (operation?.operation === OperationTypeNode.SUBSCRIPTION) throw subscriptionElsewhere();
      },
      willSendResponse: async ({ contextValue: { accepted, answer }, errors, response }) => {
        if (response.body.kind !== 'single') return;
        const { singleResult } = response.body;
        const { errors: tooLarge, data } = withinBudget({ data: { ...singleResult } }, answer);
        if (tooLarge !== undefined) {
          const shown = shownErrors({ errors: tooLarge, data }, accepted, reportUnexpected);
          response.body.singleResult = { errors: shown, data: null };
          return;
        }
        if (errors === undefined) return;
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
  admission: Admission | null,
  { onlyTrusted }: Operations,
): HTTPGraphQLRequest {
  const { method, body } = request;
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, String(value));
  }
  // Apollo Server's own look at this would miss urql, and it has been looked at.
  if (method === 'GET') headers.set('apollo-require-preflight', 'true');
  if (!onlyTrusted || admission === null || 'errors' in admission) {
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
    return { method, headers, body: isObject ? meant : body, search: searchOf(request) };
  }
  meant.query = textOf(admission.document);
  // The id has done its work; Apollo Server would take it for one of its own persisted queries.
  delete meant.extensions;
  return { method, headers, body: meant, search: method === 'GET' ? toSearch(meant) : '' };
}
