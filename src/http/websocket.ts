/** GraphQL over WebSocket at `/graphql`: the `graphql-transport-ws` protocol of graphql-ws. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FormattedExecutionResult, GraphQLError, GraphQLFormattedError, GraphQLSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { type ReportUnexpected, toClientError } from '../errors.js';
import type { GatewayContext } from '../resolvers/context.js';

export interface WebsocketOptions {
  readonly schema: GraphQLSchema;
  readonly context: (
    connectionParams: Readonly<Record<string, unknown>> | undefined,
  ) => Promise<GatewayContext>;
  readonly reportUnexpected: ReportUnexpected;
  /** Longer messages close the socket with 1009, in bytes. */
  readonly maxMessageBytes: number;
  /** How long a closed socket may take to answer before it is cut, in milliseconds. */
  readonly closeTimeoutMs: number;
}

export interface WebsocketEndpoint {
  /** Open sockets. */
  readonly size: number;
  /** Closes every socket with 1001. Safe to call twice. */
  stop(): Promise<void>;
}

const PATH = '/graphql';

export function websocketEndpoint(server: Server, options: WebsocketOptions): WebsocketEndpoint {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: options.maxMessageBytes });
  const shown = (errors: readonly GraphQLError[]): readonly GraphQLFormattedError[] =>
    errors.map((error) => toClientError(error.toJSON(), error, options.reportUnexpected));
  const graphql = useServer<Record<string, unknown>>(
    {
      schema: options.schema,
      context: (ctx) => options.context(ctx.connectionParams),
      onError: (_ctx, _id, _payload, errors) => shown(errors),
      onNext: (_ctx, _id, _payload, _args, { errors, data = null }): FormattedExecutionResult | undefined =>
        errors === undefined ? undefined : { data, errors: shown(errors) },
    },
    sockets,
  );

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (pathOf(request) !== PATH) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request));
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
    // Says 1001 to each client, and waits until all are gone.
    await graphql.dispose();
    clearTimeout(cut);
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}
