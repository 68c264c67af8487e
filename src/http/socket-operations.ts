/** Handles the messages of a socket: authentication and operations, in the graphql-ws protocol. */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type FormattedExecutionResult, GraphQLError } from 'graphql';
import { makeServer, type Server } from 'graphql-ws';
import { GatewayError } from '../errors.js';
import type { Result } from '../graphql/answer-size.js';
import type { ReportUnexpected } from '../graphql/client-errors.js';
import { textOf } from '../graphql/document-nodes.js';
import type { Engine } from '../graphql/engine.js';
import { type Answer, Operation } from '../graphql/operation.js';
import { outageOf, shownErrors } from '../graphql/outcome.js';
import type { CallerContext } from '../resolvers/context.js';
import type { HeardBytes } from '../services/limits/heard-bytes.js';
import type { HeldBytes } from '../services/limits/held-bytes.js';
import type { CallersConnection } from './callers-connection.js';
import { tooMany } from './heard-text.js';
import { Reservation } from './reservation.js';
import type { SilentSockets } from './silent-sockets.js';
import type { Connection } from './websocket-transport.js';

export interface SocketOptions {
  readonly engine: Engine;
  /** @throws AuthenticationError */
  readonly context: (authorization: string | undefined) => Promise<CallerContext>;
  readonly reportUnexpected: ReportUnexpected;
  /** Counts the bytes of all answers. */
  readonly answers: HeldBytes;
  /** Counts the bytes of all bodies, and of messages while their operations run. */
  readonly bodies: HeldBytes;
  /** Counts the bytes that callers have just sent. */
  readonly heard: HeardBytes;
  /** The maximum number of running operations per socket. */
  readonly maxOperations: number;
}

/** @param silent the sockets whose clients have not authenticated */
export function socketOperations(
  options: SocketOptions,
  silent: Pick<SilentSockets<CallersConnection>, 'delete'>,
): Server<CallersConnection> {
  const { engine } = options;
  return makeServer<Record<string, unknown>, CallersConnection>({
    // graphql-ws's own timer would stay in memory as long as the socket.
    connectionInitWaitTimeout: 0,
    onConnect: async (ctx) => {
      const { connectionParams, extra: connection } = ctx;
      connection.clearDeadline();
      // Otherwise they would stay in memory as long as the socket.
      Object.assign(ctx, { connectionParams: undefined });
      try {
        const context = await options.context(
          authorizationOf(connectionParams) ?? connection.takeAuthorization(),
        );
        // The client may have left meanwhile.
        if (!connection.isOpen) return false;
        silent.delete(connection.address, connection);
        connection.context = context;
        connection.mayHear = (bytes) => options.heard.take(context.caller, bytes);
        connection.unread = options.answers.open(context.caller);
        connection.closeAtExpiry(context.caller);
        return true;
      } catch (error) {
        connection.refuse(error, (unexpected) => options.reportUnexpected(unexpected, randomUUID()));
        return false;
      }
    },
    onSubscribe: async (ctx, id, payload) => {
      const { context } = ctx.extra;
      if (context === null) return [new GraphQLError('Not connected.')];
      const reservation = new Reservation();
      ctx.subscriptions[id] = reservation;
      const message = options.bodies.open(context.caller);
      let endOperation = (): void => {};
      ctx.extra.end = () => {
        message.release();
        endOperation();
      };
      try {
        if (!message.add(ctx.extra.heard)) throw tooMany();
        // Don't count ids: a client may reuse one while its operation still runs.
        // An operation that was just completed takes a turn to end.
        if (ctx.extra.busy > options.maxOperations) await setImmediate();
        if (ctx.extra.busy > options.maxOperations) {
          throw new GatewayError(
            'RATE_LIMITED',
            `At most ${options.maxOperations} operations at once on one socket.`,
            { extensions: { retryAfterSeconds: 1 } },
          );
        }
        const { operationName = null } = payload;
        const asked = { ...payload, operationName };
        const admission = await engine.admit(context.caller, asked);
        if ('errors' in admission) return admission.errors;
        const operation = await engine.begin(context, admission, asked, (leave) =>
          reservation.onceLeft(leave),
        );
        endOperation = () => {
          operation.leave();
          operation.end();
        };
        // graphql-ws keeps the message while its operation runs, so let all share the same text.
        Object.assign(payload, {
          query: textOf(operation.document),
          variables: operation.variableValues,
          documentId: undefined,
          extensions: undefined,
        });
        if (operation.isSubscription) message.release();
        if (operation.isMutation) ctx.extra.answerDue(payload);
        return operation;
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        return [new GraphQLError(error.message, { originalError: error })];
      }
    },
    onError: (_ctx, _id, _payload, errors) => {
      const outage = outageOf(errors, null);
      if (outage !== null) throw outage;
      return shownErrors({ errors }, null, options.reportUnexpected);
    },
    onNext: ({ extra }, _id, _payload, args, result): FormattedExecutionResult | undefined => {
      const operation = beganHere(args);
      // One of many simultaneous events has just cut the socket; the others need not be serialized.
      if (!extra.isOpen) {
        operation.contextValue.answer.release();
        return { data: null };
      }
      const {
        outage,
        errors,
        data = null,
      } = operation.isSubscription ? comeAgainForRoom(extra, result, operation) : operation.answerTo(result);
      // From here on, the socket counts what is unread.
      operation.contextValue.answer.release();
      // A mutation is always answered, because otherwise the client would send it again.
      if (outage !== null && !operation.isMutation) throw outage;
      return errors && { data, errors };
    },
    onComplete: ({ extra }, _id, payload) => extra.answered(payload),
    onClose: ({ extra }) => {
      extra.clearDeadline();
      silent.delete(extra.address, extra);
    },
  });
}

/** If there is no room for an event, the client has to reconnect to get the current state, so that nothing is lost. */
function comeAgainForRoom(connection: Connection, result: Result, operation: Operation): Answer {
  try {
    return operation.answerToEvent(result);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    connection.comeAgain(error.message);
    // The socket stays open until all mutations are answered.
    return operation.tell(result);
  }
}

/** Returns the operation that `onSubscribe` returned. */
function beganHere(args: unknown): Operation {
  if (args instanceof Operation) return args;
  throw new Error('The engine did not begin this operation');
}

type Params = Readonly<Record<string, unknown>>;

/** Reads `{authorization}`, `{headers: {authorization}}` (Apollo's and Hasura's habit) or `{authToken}` (of the older protocol). */
function authorizationOf(params: Params | undefined): string | undefined {
  if (params === undefined) return undefined;
  const { authToken, headers } = params;
  const value = inAnyCase(params) ?? (isParams(headers) ? inAnyCase(headers) : undefined);
  if (value !== undefined) return value;
  return typeof authToken === 'string' && authToken !== ''
    ? `Bearer ${authToken.replace(/^Bearer +/i, '')}`
    : undefined;
}

/** The first that says something. */
function inAnyCase(params: Params): string | undefined {
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === 'string' && value !== '' && name.toLowerCase() === 'authorization') return value;
  }
  return undefined;
}

function isParams(value: unknown): value is Params {
  return typeof value === 'object' && value !== null;
}
