/**
 * GraphQL over Server-Sent Events at `/graphql/stream`, for clients that can't hold a WebSocket: the protocol of
 * graphql-sse in its "distinct connections mode", one request for each operation
 * (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md).
 *
 * Not by graphql-sse's own handler: it takes events from their source as fast as they come, and keeps those that the
 * client has not read.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import {
  type ExecutionArgs,
  execute,
  GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
  OperationTypeNode,
  subscribe,
} from 'graphql';
import { GatewayError, isStoreUnavailable } from '../errors.js';
import { eventWithinBudget, type Result, withinBudget } from '../graphql/answer-size.js';
import type { ReportUnexpected } from '../graphql/client-errors.js';
import type { Operations } from '../graphql/operations.js';
import { outageOf, shownErrors } from '../graphql/outcome.js';
import type { GatewayContext } from '../resolvers/context.js';
import { AuthenticationError } from '../services/auth/authenticator.js';
import { contextOf } from './callers.js';
import { EventWriter } from './event-writer.js';
import { headersOf, sendErrors, sendRefusal, statusOf } from './http-errors.js';
import { onceOver } from './once-over.js';
import { declaredOf, type OperationRequest, operationRequestOf } from './operation-request.js';

export interface EventStreamOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  /** Lets in whom it may, and says whose each request is. */
  readonly onRequest: NonNullable<RouteShorthandOptions['onRequest']>;
  readonly reportUnexpected: ReportUnexpected;
  /** Streams at once; more are refused with 503. */
  readonly maxStreams: number;
}

interface Operation extends ExecutionArgs {
  readonly operation: OperationDefinitionNode;
  readonly contextValue: GatewayContext;
  /** To be called when it is over. */
  readonly end: () => void;
}

const EVENT_STREAM = 'text/event-stream';
/** From the end of a stream that an outage ended to the client's next try. */
const RETRY_MS = 2000;
/** What a timer can count, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The request is answered with these, and no stream begins. */
class RefusedStream extends Error {
  readonly status: number;
  readonly errors: readonly GraphQLError[];
  readonly headers: Record<string, string>;

  constructor(status: number, errors: readonly GraphQLError[], headers: Record<string, string> = {}) {
    super('refused');
    this.status = status;
    this.errors = errors;
    this.headers = headers;
  }
}

export function eventStreamRoute(options: EventStreamOptions): FastifyPluginAsync {
  return async (app) => {
    const open = new Set<ServerResponse>();
    /** Of mutations. They are waited for: a client that has no answer comes again, and pays again. */
    const answers = new WeakSet<ServerResponse>();
    app.addHook('preClose', async () => {
      for (const response of open) if (!answers.has(response)) finish(response);
    });
    app.route({
      method: ['GET', 'POST'],
      url: '/graphql/stream',
      exposeHeadRoute: false,
      onRequest: options.onRequest,
      handler: async (request, reply) => {
        if (!acceptsEvents(request.headers.accept)) {
          return sendRefusal(reply, 406, `Send accept: ${EVENT_STREAM}, or use /graphql.`);
        }
        if (open.size >= options.maxStreams) return sendRefusal(reply, 503);
        const response = reply.raw;
        open.add(response);
        onceOver(request, reply, () => open.delete(response));
        let end = (): void => {};
        try {
          const asked = await operationOf(request, reply, options);
          end = asked.end;
          if (asked.contextValue.accepted !== null) answers.add(response);
          await run(asked, request, reply, options.reportUnexpected);
        } catch (error) {
          return refuse(error, request, reply, options.reportUnexpected);
        } finally {
          end();
        }
        return reply;
      },
    });
  };
}

/** @throws RefusedStream, GatewayError */
async function operationOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { schema, operations }: EventStreamOptions,
): Promise<Operation> {
  const meant = operationRequestOf(request);
  const context = contextOf(request);
  const { variables, operationName } = checked(meant);
  const admission = await operations.admit(context.caller, { ...meant, operationName });
  if ('errors' in admission) throw new RefusedStream(400, admission.errors);
  const isMutation = admission.operation.operation === OperationTypeNode.MUTATION;
  if (isMutation && request.method === 'GET') {
    throw new RefusedStream(405, [badRequest('Mutations are sent by POST.')], { allow: 'POST' });
  }
  if (!isMutation) endAtExpiry(reply.raw, context.caller.expiresAt);
  const { operation } = admission;
  if (operation.operation === OperationTypeNode.SUBSCRIPTION) dropBody(request);
  const { document, inTurn, turn, end } = await operations.begin(context.caller, admission, (leave) =>
    onceOver(request, reply, leave),
  );
  return {
    document,
    end,
    operation,
    schema,
    operationName,
    variableValues: declaredOf(operation, variables),
    contextValue: { ...context, inTurn, turn, accepted: isMutation ? new Map() : null },
  };
}

/** It would be kept for as long as the stream. */
function dropBody(request: FastifyRequest): void {
  request.body = undefined;
  request.sender?.body.release();
}

/** @throws RefusedStream for members that have not their types */
function checked({ query = null, variables = null, operationName = null }: OperationRequest): {
  readonly variables: Readonly<Record<string, unknown>> | null;
  readonly operationName: string | null;
} {
  if (query !== null && typeof query !== 'string') {
    throw new RefusedStream(400, [badRequest('"query" must be the text of a document.')]);
  }
  if (typeof variables !== 'object' || Array.isArray(variables)) {
    throw new RefusedStream(400, [badRequest('"variables" must be an object.')]);
  }
  if (operationName !== null && typeof operationName !== 'string') {
    throw new RefusedStream(400, [badRequest('"operationName" must be a text.')]);
  }
  return { variables: variables as Readonly<Record<string, unknown>> | null, operationName };
}

/** Resolves when the stream is over. @throws GatewayError STORE_UNAVAILABLE before it has begun */
async function run(
  asked: Operation,
  request: FastifyRequest,
  reply: FastifyReply,
  reportUnexpected: ReportUnexpected,
): Promise<void> {
  const { operation, contextValue } = asked;
  const writer = new EventWriter(request, reply);
  const textOf = (result: Result): string => toText(result, contextValue, reportUnexpected);
  const isSubscription = operation.operation === OperationTypeNode.SUBSCRIPTION;
  const results = await (isSubscription ? subscribe(asked) : execute(asked));
  if (!(Symbol.asyncIterator in results)) {
    const text = textOf(withinBudget(results, contextValue.answer));
    // However slowly it is read.
    contextValue.turn.end();
    begin(writer, reply);
    await writer.write(text);
    writer.complete();
    return;
  }
  // Whoever has left while the operation began is never heard of again.
  if (writer.isOver) await results.return();
  void writer.gone.then(() => results.return());
  begin(writer, reply);
  try {
    for await (const result of results) {
      if (writer.isOver) return;
      await writer.write(textOf(eventWithinBudget(result, contextValue.answer)));
      contextValue.answer.release();
    }
    writer.complete();
  } catch (error) {
    // All that can still be said is that there is no more. Clients come again when a stream ends uncompleted.
    if (!(error instanceof GatewayError)) reportUnexpected(error, randomUUID());
    writer.end();
  }
}

function begin(writer: EventWriter, reply: FastifyReply): void {
  reply.hijack();
  writer.begin(reply.getHeaders());
}

/** @throws GatewayError STORE_UNAVAILABLE, which ends the stream before it says anything of this result */
function toText(
  { errors, data }: Result,
  { accepted }: GatewayContext,
  reportUnexpected: ReportUnexpected,
): string {
  if (errors === undefined) return JSON.stringify({ data });
  // A mutation is answered: the client would send it again.
  const outage = accepted === null ? outageOf(errors, null) : null;
  if (outage !== null) throw outage;
  return JSON.stringify({ errors: shownErrors({ errors, data }, accepted, reportUnexpected), data });
}

function refuse(
  error: unknown,
  { method }: FastifyRequest,
  reply: FastifyReply,
  reportUnexpected: ReportUnexpected,
): FastifyReply {
  if (isStoreUnavailable(error) && method === 'GET') {
    // EventSource gives up on any other status, and comes again when a stream ends.
    return reply.type(EVENT_STREAM).send(`retry: ${RETRY_MS}\n\n`);
  }
  if (!(error instanceof GatewayError || error instanceof RefusedStream)) throw error;
  const { status, errors, headers } =
    error instanceof RefusedStream
      ? error
      : {
          status: statusOf(error),
          errors: [new GraphQLError(error.message, { originalError: error })],
          headers: headersOf(error),
        };
  return sendErrors(reply, status, shownErrors({ errors }, null, reportUnexpected), headers);
}

function badRequest(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
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
