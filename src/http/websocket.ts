/** GraphQL over WebSocket at `/graphql`: the `graphql-transport-ws` protocol of graphql-ws. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import {
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  OperationTypeNode,
} from 'graphql';
import { CloseCode, handleProtocols, makeServer } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import { GatewayError } from '../errors.js';
import { eventWithinBudget, type Result, withinBudget } from '../graphql/answer-size.js';
import type { ReportUnexpected } from '../graphql/client-errors.js';
import { textOf } from '../graphql/document-nodes.js';
import type { Operations } from '../graphql/operations.js';
import { outageOf, shownErrors } from '../graphql/outcome.js';
import type { GatewayContext } from '../resolvers/context.js';
import { AuthenticationError } from '../services/auth/authenticator.js';
import type { Caller } from '../services/auth/caller.js';
import { AnswerBudget } from '../services/limits/answer-budget.js';
import type { HeardBytes } from '../services/limits/heard-bytes.js';
import type { HeldBytes } from '../services/limits/held-bytes.js';
import { tooMany } from './heard-text.js';
import { declaredOf } from './operation-request.js';
import { Reservation } from './reservation.js';
import { SilentSockets } from './silent-sockets.js';
import { boundUnfinished } from './unfinished.js';
import { takeWebsockets } from './upgrades.js';
import { Connection, PingedSocket, pingAll, TRY_AGAIN_LATER } from './websocket-transport.js';

export interface WebsocketOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  /** @throws AuthenticationError */
  readonly context: (authorization: string | undefined) => Promise<GatewayContext>;
  readonly reportUnexpected: ReportUnexpected;
  /** Longer messages close the socket with 1009, in bytes. */
  readonly maxMessageBytes: number;
  /** Sockets at once; more are refused with 503. */
  readonly maxSockets: number;
  /** The bytes of all callers' answers. */
  readonly answers: HeldBytes;
  /** The bytes of all callers' bodies, and of messages while their operations run. */
  readonly bodies: HeldBytes;
  /** The bytes that callers have just sent. */
  readonly heard: HeardBytes;
  /** Operations under way on one socket. */
  readonly maxOperations: number;
  /** How long a client may take to say who it is, in milliseconds. */
  readonly initTimeoutMs: number;
  /** From one ping to the next, at most; a socket that has not answered one by then is cut. In milliseconds. */
  readonly pingMs: number;
  /** Whether a browser's page of this origin, or a request to this host, may open a socket. */
  readonly mayConnect: (request: IncomingMessage) => boolean;
  /** How long a closed socket may take to answer before it is cut, in milliseconds. */
  readonly closeTimeoutMs: number;
}

export interface WebsocketEndpoint {
  /** Open sockets. */
  readonly size: number;
  /**
   * Closes every socket with 1001, once its mutations are answered: its client would send them again. Safe to call
   * twice.
   *
   * @param drainMs the longest that answers are waited for
   */
  stop(drainMs: number): Promise<void>;
}

/** A socket and whose it is. */
class CallersConnection extends Connection {
  /** Null until they have said who they are. */
  context: GatewayContext | null = null;
  /** Until then they must have said it; after that, until their credentials run out. */
  deadline: NodeJS.Timeout | undefined;
  /** Where it comes from. */
  address = '';
}

const PATH = '/graphql';
/** Frames of one message: clients that split theirs make them of some kilobytes. */
const MAX_FRAMES = 256;
/** Reads from the network for one frame: they are kept until it is whole. */
const MAX_CHUNKS = 4096;
/** Messages that have begun and not ended, of all sockets. */
const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;
/** From one address, and no more than half of all places. */
const MAX_SILENT_SOCKETS = 1000;
/** For a client that is not let in to close its socket. */
const REFUSED_CLOSE_MS = 1000;
const GOING_AWAY = 1001;
/** What a timer can count, in milliseconds; a longer life is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function websocketEndpoint(server: Server, options: WebsocketOptions): WebsocketEndpoint {
  const { schema, operations } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.maxMessageBytes,
    maxFragments: MAX_FRAMES,
    maxBufferedChunks: MAX_CHUNKS,
    // One message in a turn: a read from the network brings thousands.
    allowSynchronousEvents: false,
    WebSocket: PingedSocket,
    handleProtocols: (offered) => handleProtocols(offered),
  });

  const graphql = makeServer<Record<string, unknown>, CallersConnection>({
    // Its own timer would be kept for as long as the socket.
    connectionInitWaitTimeout: 0,
    onConnect: async (ctx) => {
      const { connectionParams, extra: connection } = ctx;
      clearDeadline(connection);
      // It would be kept for as long as the socket.
      Object.assign(ctx, { connectionParams: undefined });
      try {
        const context = await options.context(authorizationOf(connectionParams));
        // It may have left while its credentials were checked.
        if (!connection.isOpen) return false;
        silent.delete(connection.address, connection);
        connection.context = context;
        connection.mayHear = (bytes) => options.heard.take(context.caller, bytes);
        connection.unread = options.answers.open(context.caller);
        closeAtExpiry(connection, context.caller);
        return true;
      } catch (error) {
        refuseConnection(connection, error);
        // Its place is not to be kept by not answering.
        setTimeout(() => connection.socket.terminate(), REFUSED_CLOSE_MS).unref();
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
        // Not by the ids in use: a client gives one back while its operation still runs.
        // One that was left a moment ago takes a turn to end.
        if (ctx.extra.busy > options.maxOperations) await setImmediate();
        if (ctx.extra.busy > options.maxOperations) {
          throw new GatewayError(
            'RATE_LIMITED',
            `At most ${options.maxOperations} operations at once on one socket.`,
          );
        }
        const { operationName = null } = payload;
        const admission = await operations.admit(context.caller, { ...payload, operationName });
        if ('errors' in admission) return admission.errors;
        const { operation } = admission;
        const { document, inTurn, turn, end } = await operations.begin(context.caller, admission, (leave) =>
          reservation.onceLeft(leave),
        );
        // graphql-ws keeps the message while its operation runs; the same text is kept once for all.
        Object.assign(payload, {
          query: textOf(document),
          variables: declaredOf(operation, payload.variables),
          documentId: undefined,
          extensions: undefined,
        });
        if (operation.operation === OperationTypeNode.SUBSCRIPTION) message.release();
        const changes = operation.operation === OperationTypeNode.MUTATION;
        if (changes) ctx.extra.answerDue(payload);
        const accepted = changes ? new Map() : null;
        const answer = new AnswerBudget(options.answers.open(context.caller), accepted);
        endOperation = () => {
          answer.end();
          end();
        };
        return {
          schema,
          document,
          operationName,
          variableValues: payload.variables,
          rootValue: undefined,
          contextValue: { ...context, inTurn, turn, answer, accepted },
        };
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        return [new GraphQLError(error.message, { originalError: error })];
      }
    },
    onError: (_ctx, _id, _payload, errors) => {
      comeAgainInOutage(errors);
      return shownErrors({ errors }, null, options.reportUnexpected);
    },
    onNext: ({ extra }, _id, _payload, args, result): FormattedExecutionResult | undefined => {
      // It was cut a moment ago, by one of many events at once: the others need not become texts.
      if (!extra.isOpen) return { data: null };
      const { accepted, answer, turn } = args.contextValue as GatewayContext;
      const operation = getOperationAST(args.document, args.operationName)?.operation;
      const isEvent = operation === OperationTypeNode.SUBSCRIPTION;
      const { errors, data = null } = isEvent
        ? comeAgainForRoom(extra, result, answer)
        : withinBudget(result, answer);
      // From here on the socket counts what is not read.
      answer.release();
      turn.end();
      if (errors === undefined) return undefined;
      // A mutation is answered: the client would send it again.
      if (accepted === null) comeAgainInOutage(errors);
      return { data, errors: shownErrors({ errors, data }, accepted, options.reportUnexpected) };
    },
    onComplete: ({ extra }, _id, payload) => extra.answered(payload),
    onClose: ({ extra }) => {
      clearDeadline(extra);
      silent.delete(extra.address, extra);
    },
  });
  const silent = new SilentSockets<CallersConnection>(
    Math.min(MAX_SILENT_SOCKETS, Math.ceil(options.maxSockets / 2)),
    // Closing it would take it up to half a minute, and a place as long. Clients come again.
    (connection) => connection.socket.terminate(),
  );
  const reportUnexpected = (error: unknown): void => options.reportUnexpected(error, randomUUID());
  const stopPings = pingAll(sockets.clients, options.pingMs);
  const stopLooks = boundUnfinished({
    sockets: sockets.clients,
    maxBytes: MAX_UNFINISHED_BYTES,
    bytesOf: ({ unfinishedBytes }) => unfinishedBytes,
    senderOf,
    cut: (socket) => socket.terminate(),
  });

  const onWebsocket = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    if (pathOf(request) !== PATH) refuse(socket, '404 Not Found');
    else if (sockets.clients.size >= options.maxSockets) refuse(socket, '503 Service Unavailable');
    else if (!options.mayConnect(request)) refuse(socket, '403 Forbidden');
    else
      sockets.handleUpgrade(request, socket, head, (opened) => {
        opened.stream = socket;
        const connection = new CallersConnection(opened, reportUnexpected);
        connection.address = socket.remoteAddress ?? '';
        silent.add(connection.address, connection);
        connection.deadline = setTimeout(
          () =>
            connection.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
          options.initTimeoutMs,
        );
        connection.open(graphql);
      });
  };
  const stopUpgrades = takeWebsockets(server, onWebsocket);

  let stopped: Promise<void> | null = null;
  return {
    get size() {
      return sockets.clients.size;
    },
    stop: (drainMs) => {
      stopped ??= stop(drainMs);
      return stopped;
    },
  };

  async function stop(drainMs: number): Promise<void> {
    stopUpgrades();
    const cut = (spares: (socket: PingedSocket) => boolean, afterMs: number): NodeJS.Timeout =>
      setTimeout(() => {
        for (const socket of sockets.clients) if (!spares(socket)) socket.terminate();
      }, afterMs);
    const { closeTimeoutMs } = options;
    const cuts = [
      cut(({ connection }) => connection?.isAnswerDue ?? false, closeTimeoutMs),
      cut(() => false, Math.max(closeTimeoutMs, drainMs)),
    ];
    for (const { connection } of sockets.clients) connection?.leave(GOING_AWAY, 'Going away');
    // Resolves when all are gone.
    await new Promise<void>((resolve) => sockets.close(() => resolve()));
    for (const timer of cuts) clearTimeout(timer);
    stopPings();
    stopLooks();
  }

  /** graphql-ws clients give up on 4401 and come back after the others: fresh credentials help only then. */
  function refuseConnection(socket: Connection, error: unknown): void {
    if (error instanceof AuthenticationError) {
      const isExpired = error.reason === 'expired';
      socket.close(isExpired ? CloseCode.Forbidden : CloseCode.Unauthorized, error.message);
    } else if (error instanceof GatewayError) {
      socket.close(TRY_AGAIN_LATER, error.message);
    } else {
      reportUnexpected(error);
      socket.close(CloseCode.InternalServerError, 'Internal server error');
    }
  }
}

/** An event for which there is no room must not be lost: its client is to come again for the present state. */
function comeAgainForRoom(connection: Connection, result: Result, answer: AnswerBudget): Result {
  try {
    return eventWithinBudget(result, answer);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    connection.comeAgain(error.message);
    return result;
  }
}

/** @throws GatewayError STORE_UNAVAILABLE, which closes the socket with 1013 before the client hears of this result */
function comeAgainInOutage(errors: readonly GraphQLError[]): void {
  const outage = outageOf(errors, null);
  if (outage !== null) throw outage;
}

/** Checked once, at the connect; a timer does the rest, so that no operation pays for checking again. */
function closeAtExpiry(connection: CallersConnection, caller: Pick<Caller, 'expiresAt'>): void {
  if (caller.expiresAt === null) return;
  const left = caller.expiresAt - Date.now();
  if (left <= 0) {
    connection.leave(CloseCode.Forbidden, 'The credentials have run out');
    return;
  }
  connection.deadline = setTimeout(() => closeAtExpiry(connection, caller), Math.min(left, LONGEST_TIMER_MS));
}

function clearDeadline(connection: CallersConnection): void {
  clearTimeout(connection.deadline);
  connection.deadline = undefined;
}

/** Whose its messages are: its tenant's, or of where it comes from. */
function senderOf({ connection }: PingedSocket): string {
  if (!(connection instanceof CallersConnection)) return '';
  const { context, address } = connection;
  return JSON.stringify(context === null ? { address } : { tenant: context.caller.tenant });
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {});
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function authorizationOf(params: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const value = params?.['authorization'] ?? params?.['Authorization'];
  return typeof value === 'string' ? value : undefined;
}
