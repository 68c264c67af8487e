/** GraphQL over WebSocket at `/graphql`: the `graphql-transport-ws` protocol of graphql-ws. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql';
import { CloseCode, handleProtocols, makeServer } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { GatewayError, type ReportUnexpected, toClientError } from '../errors.js';
import type { GatewayContext } from '../resolvers/context.js';
import { AuthenticationError } from '../services/auth/authenticator.js';
import type { Caller } from '../services/auth/caller.js';
import type { Executor } from './executor.js';
import type { Operations } from './operations.js';
import { connectSocket, type SocketExtra } from './websocket-transport.js';

export interface WebsocketOptions {
  readonly executor: Executor;
  readonly operations: Operations;
  /** @throws AuthenticationError */
  readonly context: (authorization: string | undefined) => Promise<GatewayContext>;
  readonly reportUnexpected: ReportUnexpected;
  /** Longer messages close the socket with 1009, in bytes. */
  readonly maxMessageBytes: number;
  /** Sockets at once; more are refused with 503. */
  readonly maxSockets: number;
  /** Operations under way on one socket. */
  readonly maxOperations: number;
  /** How long a client may take to say who it is, in milliseconds. */
  readonly initTimeoutMs: number;
  /** Between pings; a socket that does not answer one by the next is cut, in milliseconds. */
  readonly pingMs: number;
  /** Whether a browser's page of this origin, or a request to this host, may open a socket. */
  readonly mayConnect: (request: IncomingMessage) => boolean;
  /** How long a closed socket may take to answer before it is cut, in milliseconds. */
  readonly closeTimeoutMs: number;
}

export interface WebsocketEndpoint {
  /** Open sockets. */
  readonly size: number;
  /** Closes every socket with 1001. Safe to call twice. */
  stop(): Promise<void>;
}

/** What graphql-ws keeps with each socket. */
interface Extra extends SocketExtra {
  context?: GatewayContext;
  expiry?: NodeJS.Timeout;
}

const PATH = '/graphql';
/** RFC 6455's registry: "Try Again Later"; graphql-ws clients do. */
const TRY_AGAIN_LATER = 1013;
const GOING_AWAY = 1001;
/** What a timer can count, in milliseconds; a longer life is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function websocketEndpoint(server: Server, options: WebsocketOptions): WebsocketEndpoint {
  const { executor, operations } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.maxMessageBytes,
    handleProtocols: (offered) => handleProtocols(offered),
  });
  const shown = (errors: readonly GraphQLError[]): readonly GraphQLFormattedError[] =>
    errors.map((error) => toClientError(error.toJSON(), error, options.reportUnexpected));

  const graphql = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: options.initTimeoutMs,
    execute: executor.execute,
    subscribe: executor.subscribe,
    onConnect: async ({ connectionParams, extra }) => {
      const { socket } = extra;
      try {
        const context = await options.context(authorizationOf(connectionParams));
        // It may have left while its credentials were checked.
        if (socket.readyState !== socket.OPEN) return false;
        extra.context = context;
        closeAtExpiry(extra, context.caller);
        return true;
      } catch (error) {
        refuseConnection(socket, error);
        return false;
      }
    },
    onSubscribe: async (ctx, _id, payload) => {
      const { context } = ctx.extra;
      if (context === undefined) return [new GraphQLError('Not connected.')];
      try {
        // Not by the ids in use: a client gives one back while its operation still runs.
        // One that was left a moment ago takes a turn to end.
        if (ctx.extra.busy > options.maxOperations) await setImmediate();
        if (ctx.extra.busy > options.maxOperations) {
          throw new GatewayError(
            'RATE_LIMITED',
            `At most ${options.maxOperations} operations at once on one socket.`,
          );
        }
        const document = await operations.admitted(context.caller, payload);
        if (!('kind' in document)) return document;
        return {
          schema: executor.schema,
          document,
          operationName: payload.operationName,
          variableValues: payload.variables,
          contextValue: context,
        };
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        return [new GraphQLError(error.message, { originalError: error })];
      }
    },
    onError: (_ctx, _id, _payload, errors) => shown(errors),
    onNext: (_ctx, _id, _payload, _args, { errors, data = null }): FormattedExecutionResult | undefined =>
      errors === undefined ? undefined : { data, errors: shown(errors) },
    onClose: ({ extra }) => clearTimeout(extra.expiry),
  });
  const transport = {
    pingMs: options.pingMs,
    reportUnexpected: (error: unknown) => options.reportUnexpected(error, randomUUID()),
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (pathOf(request) !== PATH) refuse(socket, '404 Not Found');
    else if (sockets.clients.size >= options.maxSockets) refuse(socket, '503 Service Unavailable');
    else if (!options.mayConnect(request)) refuse(socket, '403 Forbidden');
    else
      sockets.handleUpgrade(request, socket, head, (ws) =>
        connectSocket(graphql, { socket: ws, busy: 0 }, transport),
      );
  };
  server.on('upgrade', onUpgrade);

  let stopped: Promise<void> | null = null;
  return {
    get size() {
      return sockets.clients.size;
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };

  async function stop(): Promise<void> {
    server.off('upgrade', onUpgrade);
    const cut = setTimeout(() => {
      for (const socket of sockets.clients) socket.terminate();
    }, options.closeTimeoutMs);
    for (const socket of sockets.clients) socket.close(GOING_AWAY, 'Going away');
    // Resolves when all are gone.
    await new Promise<void>((resolve) => sockets.close(() => resolve()));
    clearTimeout(cut);
  }

  /** graphql-ws clients give up on 4401 and come back after the others: fresh credentials help only then. */
  function refuseConnection(socket: WebSocket, error: unknown): void {
    if (error instanceof AuthenticationError) {
      const isExpired = error.reason === 'expired';
      socket.close(isExpired ? CloseCode.Forbidden : CloseCode.Unauthorized, error.message);
    } else if (error instanceof GatewayError) {
      socket.close(TRY_AGAIN_LATER, error.message);
    } else {
      options.reportUnexpected(error, randomUUID());
      socket.close(CloseCode.InternalServerError, 'Internal server error');
    }
  }
}

/** Checked once, at the connect; a timer does the rest, so that no operation pays for checking again. */
function closeAtExpiry(extra: Extra, { expiresAt }: Caller): void {
  if (expiresAt === null) return;
  const left = expiresAt - Date.now();
  if (left <= 0) {
    extra.socket.close(CloseCode.Forbidden, 'The credentials have run out');
    return;
  }
  extra.expiry = setTimeout(
    () => closeAtExpiry(extra, { expiresAt } as Caller),
    Math.min(left, LONGEST_TIMER_MS),
  );
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function authorizationOf(params: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const value = params?.['authorization'] ?? params?.['Authorization'];
  return typeof value === 'string' ? value : undefined;
}
