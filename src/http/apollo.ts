/**
 * Apollo Server answers HTTP requests that are not ordinary: GETs, persisted queries, invalid requests, unsupported
 * media types. The engine admits their operations like all others.
 */
import { ApolloServer, type ApolloServerPlugin, HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import type { FastifyRequest } from 'fastify';
import { type DocumentNode, GraphQLError, type GraphQLSchema, Kind, OperationTypeNode } from 'graphql';
import type { Logger } from 'pino';
import { type ReportUnexpected, toClientError } from '../graphql/client-errors.js';
import { textOf } from '../graphql/document-nodes.js';
import type { Engine } from '../graphql/engine.js';
import { shownErrors, withJobs } from '../graphql/outcome.js';
import type { GatewayContext } from '../resolvers/context.js';
import type { Course } from './course.js';
import { headersOf, statusOf } from './http-errors.js';
import { type OperationRequest, searchOf, toSearch } from './operation-request.js';
import type { PersistedTexts } from './persisted-queries.js';

export interface ApolloOptions {
  readonly persisted: PersistedTexts;
  readonly schema: GraphQLSchema;
  readonly engine: Engine;
  readonly reportUnexpected: ReportUnexpected;
  readonly introspection: boolean;
  readonly log: Logger;
}

interface ApolloAnswer {
  readonly status: number;
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: string;
}

/** The operation's context is added once it has begun. */
interface ApolloContext extends Partial<GatewayContext> {
  readonly course: Course;
}

/** Stands in for a refused document. */
const NO_DOCUMENT: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };

export class Apollo {
  readonly #options: ApolloOptions;
  readonly #server: ApolloServer<ApolloContext>;

  constructor(options: ApolloOptions) {
    this.#options = options;
    this.#server = new ApolloServer<ApolloContext>({
      schema: options.schema,
      introspection: options.introspection,
      hideSchemaDetailsFromClientErrors: !options.introspection,
      csrfPrevention: true,
      allowBatchedHttpRequests: false,
      includeStacktraceInErrorResponses: false,
      stopOnTerminationSignals: false,
      // Documents come from the engine; see `givingDocuments`.
      documentStore: null,
      persistedQueries: options.engine.onlyTrusted ? false : options.persisted.forApollo,
      formatError: (formatted, error) => toClientError(formatted, error, options.reportUnexpected),
      plugins: [
        // It would wrap every resolver, and these answers must not be cached.
        ApolloServerPluginCacheControlDisabled(),
        ApolloServerPluginLandingPageDisabled(),
        givingDocuments(options),
      ],
      logger: options.log,
    });
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  /** Call it after the last request. */
  stop(): Promise<void> {
    return this.#server.stop();
  }

  async answer(request: FastifyRequest, meant: OperationRequest, course: Course): Promise<ApolloAnswer> {
    const {
      status = 200,
      headers,
      body,
    } = await this.#server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: toApollo(request, meant, course, this.#options.engine),
      context: async () => {
        // Here and not in a plugin, so that it precedes Apollo Server's own errors.
        course.throwRefusal();
        return { course };
      },
    });
    return { status, headers, body: this.#textOf(body, course) };
  }

  #textOf(body: { kind: 'complete'; string: string } | { kind: 'chunked' }, { refusal }: Course): string {
    // Apollo Server accepts only one error.
    if (refusal?.isThrown === true) {
      return `${JSON.stringify({ errors: shownErrors(refusal, null, this.#options.reportUnexpected) })}\n`;
    }
    // Only @defer and @stream are answered in chunks, and this schema has neither.
    return body.kind === 'complete' ? body.string : '';
  }
}

/** Passes Apollo Server the document, which it would otherwise parse, validate and cache again. */
function givingDocuments({ reportUnexpected }: ApolloOptions): ApolloServerPlugin<ApolloContext> {
  return {
    requestDidStart: async () => ({
      didResolveSource: async (requestContext) => {
        const { contextValue, source, request } = requestContext;
        const { course } = contextValue;
        // The text of a persisted query is only known now.
        await course.begin({ ...request, query: source });
        const document = course.operation?.document ?? NO_DOCUMENT;
        Object.assign(requestContext, { document });
        // As they were admitted.
        if (course.operation !== null) Object.assign(request, { variables: course.operation.variableValues });
        // Apollo Server creates this object for each request.
        Object.assign(contextValue, course.operation?.contextValue);
      },
      didResolveOperation: async ({ operation, contextValue: { course } }) => {
        course.throwRefusal();
        if (operation?.operation === OperationTypeNode.SUBSCRIPTION) throw subscriptionElsewhere();
      },
      willSendResponse: async ({ contextValue: { course }, errors, response }) => {
        const { operation } = course;
        if (operation === null || response.body.kind !== 'single') return;
        const { accepted } = operation.contextValue;
        const { singleResult } = response.body;
        const { errors: tooLarge, data } = operation.limited({ data: { ...singleResult } });
        if (tooLarge !== undefined) {
          const shown = shownErrors({ errors: tooLarge, data }, accepted, reportUnexpected);
          response.body.singleResult = { errors: shown, data: null };
          return;
        }
        if (errors === undefined) return;
        const shown = singleResult.errors ?? [];
        const outage = operation.outageIn(errors);
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

/** Apollo Server would execute a subscription's field like a query's. */
function subscriptionElsewhere(): GraphQLError {
  return new GraphQLError('Subscribe over a WebSocket at this address, or send accept: text/event-stream.', {
    extensions: { code: ApolloServerErrorCode.BAD_REQUEST, http: { status: 400 } },
  });
}

/** Converts the request for Apollo Server, and adds the text of a trusted document that it only names. */
function toApollo(
  request: FastifyRequest,
  meant: OperationRequest,
  { operation }: Course,
  { onlyTrusted }: Engine,
): HTTPGraphQLRequest {
  const { method, body } = request;
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, String(value));
  }
  // Apollo Server's own CSRF check would refuse urql, and `refuseOtherSites` has already checked.
  if (method === 'GET') headers.set('apollo-require-preflight', 'true');
  if (!onlyTrusted || operation === null) {
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
    return { method, headers, body: isObject ? meant : body, search: searchOf(request) };
  }
  meant.query = textOf(operation.document);
  // Otherwise Apollo Server would mistake the id for one of its own persisted queries.
  delete meant.extensions;
  return { method, headers, body: meant, search: method === 'GET' ? toSearch(meant) : '' };
}
