/** Errors over HTTP: their status and headers, and the form of answers that contain only errors. */
import { STATUS_CODES } from 'node:http';
import { HeaderMap } from '@apollo/server';
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { type ErrorCode, GatewayError } from '../errors.js';
import { type ReportUnexpected, toClientError } from '../graphql/client-errors.js';
import { REFUSALS } from './refusals.js';

/** The status of a request that is refused as a whole; 400 for all other codes. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  RATE_LIMITED: 429,
  STORE_UNAVAILABLE: 503,
  AUTHENTICATION_UNAVAILABLE: 503,
  ARCHIVE_UNAVAILABLE: 503,
};

/** Converts our errors for Apollo Server; other errors are returned unchanged. */
export function withStatus(error: unknown): unknown {
  if (!(error instanceof GatewayError)) return error;
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: {
      code: error.code,
      http: { status: statusOf(error), headers: new HeaderMap(Object.entries(headersOf(error))) },
    },
  });
}

export function statusOf({ code }: GatewayError): number {
  return STATUS[code] ?? 400;
}

/** Returns HTTP's own headers for the details of an error. */
export function headersOf({ code, extensions }: GatewayError): Record<string, string> {
  const retryAfter = extensions['retryAfterSeconds'];
  return {
    ...(code === 'UNAUTHENTICATED' && { 'www-authenticate': 'Bearer' }),
    ...(typeof retryAfter === 'number' && { 'retry-after': String(retryAfter) }),
  };
}

/** Sends an answer that contains only errors. */
export function sendErrors(
  reply: FastifyReply,
  status: number,
  errors: readonly GraphQLFormattedError[],
  headers: Record<string, string> = {},
): FastifyReply {
  return reply
    .code(status)
    .headers(headers)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ errors }));
}

/** Answers a request that does not reach GraphQL, with HTTP's own wording and without internals. */
export function sendRefusal(
  reply: FastifyReply,
  status: number,
  message = STATUS_CODES[status],
): FastifyReply {
  const code = status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST';
  return sendErrors(reply, status, [{ message: message ?? 'Refused', extensions: { code } }]);
}

interface OtherMethods {
  /** Those that the address does not have. */
  readonly methods: HTTPMethods[];
  /** Those that it has. */
  readonly allow: string;
  readonly message: string;
}

/** GraphQL over HTTP, section 5. */
const OTHERS_OF_GRAPHQL: OtherMethods = {
  methods: ['PUT', 'PATCH', 'DELETE'],
  allow: 'GET, POST',
  message: REFUSALS.OTHER_METHOD[1],
};

/** Answers 405 to methods that an address does not have. */
export function refuseOtherMethods(
  app: FastifyInstance,
  url: string,
  { methods, allow, message } = OTHERS_OF_GRAPHQL,
): void {
  app.route({
    method: methods,
    url,
    // Before the body, whose type would be refused otherwise.
    onRequest: async (_request, reply) => {
      await sendRefusal(reply.header('allow', allow), 405, message);
    },
    handler: (_request, reply) => reply.code(405).send(),
  });
}

interface HttpError {
  readonly statusCode?: number;
  readonly headers?: Record<string, string>;
  readonly explanation?: string | undefined;
  readonly code?: string;
}

/** For the client, by Fastify's codes (https://fastify.dev/docs/latest/Reference/Errors). */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: REFUSALS.NOT_JSON[1],
  FST_ERR_CTP_EMPTY_JSON_BODY: REFUSALS.EMPTY_BODY[1],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: REFUSALS.MEDIA_TYPE[1],
};

/** Gives all errors outside of GraphQL the same form, unless a route handles them itself. */
export function errorAnswers(app: FastifyInstance, reportUnexpected: ReportUnexpected): void {
  app.setNotFoundHandler((_request, reply) => sendRefusal(reply, 404));
  app.setErrorHandler((error: HttpError, _request: FastifyRequest, reply) => {
    if (error instanceof GatewayError) {
      return sendErrors(
        reply,
        statusOf(error),
        [toClientError({ message: '' }, error, reportUnexpected)],
        headersOf(error),
      );
    }
    const { statusCode = 500, headers = {} } = error;
    const explanation = error.explanation ?? EXPLANATIONS[error.code ?? ''];
    if (statusCode < 500) {
      // For example, the `content-range` of a 416.
      void reply.headers(headers);
      // Don't wait for the rest of a body that is too long.
      if (statusCode === 413) reply.header('connection', 'close');
      return sendRefusal(reply, statusCode, explanation);
    }
    return sendErrors(reply, 500, [toClientError({ message: '' }, error, reportUnexpected)]);
  });
}
