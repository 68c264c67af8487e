/** GraphQL over WebSocket at `/graphql`: accepts sockets that speak `graphql-transport-ws`. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CloseCode, handleProtocols } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import { CallersConnection } from './callers-connection.js';
import { GRAPHQL_PATH } from './graphql.js';
import { SilentSockets } from './silent-sockets.js';
import { type SocketOptions, socketOperations } from './socket-operations.js';
import { boundUnfinished } from './unfinished.js';
import type { OnWebsocket } from './upgrades.js';
import { PingedSocket, pingAll } from './websocket-transport.js';

export interface WebsocketOptions extends SocketOptions {
  /** In bytes; longer messages close the socket with 1009. */
  readonly maxMessageBytes: number;
  /** The maximum number of open sockets; more are refused with 503. */
  readonly maxSockets: number;
  /** The path of `PUBLIC_URL`, which may lead the request's. */
  readonly publicPath: string;
  /** How long a client may take to authenticate, in milliseconds. */
  readonly initTimeoutMs: number;
  /** The maximum time between two pings, in milliseconds; a socket that has not answered by then is cut. */
  readonly pingMs: number;
  /** Whether a page of this origin, or a request to this host, may open a socket. */
  readonly mayConnect: (request: IncomingMessage) => boolean;
  /** How long a client may take to answer a close before its socket is cut, in milliseconds. */
  readonly closeTimeoutMs: number;
}

export interface WebsocketEndpoint {
  /** Opens a socket, or refuses it; null once the endpoint is stopping. */
  readonly onWebsocket: OnWebsocket | null;
  /** The number of open sockets. */
  readonly size: number;
  /**
   * Closes every socket with 1001 once its mutations are answered, because the client would otherwise send them again.
   * Safe to call twice.
   *
   * @param drainMs the maximum time to wait for answers, in milliseconds
   */
  stop(drainMs: number): Promise<void>;
}

/** Of subscriptions-transport-ws, which is no longer maintained; its name is that of the newer package. */
const OLD_PROTOCOL = 'graphql-ws';
const REFUSED_PROTOCOL_CLOSE_MS = 200;
const USE_THE_NEW = 'Use the sub-protocol graphql-transport-ws (npm package graphql-ws)';

/** The maximum number of frames per message; clients that split messages use frames of a few kilobytes. */
const MAX_FRAMES = 256;
/** The maximum number of network reads per frame; they are kept until the frame is complete. */
const MAX_CHUNKS = 4096;
/** The total size of messages that have begun but not ended, on all sockets. */
const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;
/** The maximum per address, but at most half of all places. */
const MAX_SILENT_SOCKETS = 1000;
const GOING_AWAY = 1001;

export function websocketEndpoint(options: WebsocketOptions): WebsocketEndpoint {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.maxMessageBytes,
    maxFragments: MAX_FRAMES,
    maxBufferedChunks: MAX_CHUNKS,
    // One message per turn of the event loop: a single network read may bring thousands.
    allowSynchronousEvents: false,
    WebSocket: PingedSocket,
    // Browsers drop a socket without one of their protocols, and would not learn why.
    handleProtocols: (offered) => handleProtocols(offered) || (offered.has(OLD_PROTOCOL) && OLD_PROTOCOL),
  });

  const silent = new SilentSockets<CallersConnection>(
    Math.min(MAX_SILENT_SOCKETS, Math.ceil(options.maxSockets / 2)),
    // Closing it could take half a minute, during which it would keep its place. Clients reconnect.
    (connection) => connection.socket.terminate(),
  );
  const graphql = socketOperations(options, silent);
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
    if (withoutPrefix(pathOf(request), options.publicPath) !== GRAPHQL_PATH) refuse(socket, '404 Not Found');
    else if (sockets.clients.size >= options.maxSockets) refuse(socket, '503 Service Unavailable');
    else if (!options.mayConnect(request)) refuse(socket, '403 Forbidden');
    else
      sockets.handleUpgrade(request, socket, head, (opened) => {
        opened.stream = socket;
        if (opened.protocol === OLD_PROTOCOL || opened.protocol === '') {
          refuseProtocol(opened);
          return;
        }
        const connection = new CallersConnection(opened, reportUnexpected);
        connection.address = socket.remoteAddress ?? '';
        const { origin, authorization } = request.headers;
        // A proxy may add one to what any page sends, so it counts only from programs.
        connection.authorization = origin === undefined ? authorization : undefined;
        silent.add(connection.address, connection);
        connection.closeUnlessConnectedWithin(options.initTimeoutMs);
        connection.open(graphql);
      });
  };

  let stopped: Promise<void> | null = null;
  return {
    get onWebsocket() {
      return stopped === null ? onWebsocket : null;
    },
    get size() {
      return sockets.clients.size;
    },
    stop: (drainMs) => {
      stopped ??= stop(drainMs);
      return stopped;
    },
  };

  async function stop(drainMs: number): Promise<void> {
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
    // Resolves when all sockets are gone.
    await new Promise<void>((resolve) => sockets.close(() => resolve()));
    for (const timer of cuts) clearTimeout(timer);
    stopPings();
    stopLooks();
  }
}

/** Identifies the sender of the socket's messages. */
function senderOf({ connection }: PingedSocket): string {
  return connection instanceof CallersConnection ? connection.sender : '';
}

function refuseProtocol(socket: PingedSocket): void {
  socket.on('error', () => {});
  const isOld = socket.protocol === OLD_PROTOCOL;
  socket.close(
    CloseCode.SubprotocolNotAcceptable,
    `${USE_THE_NEW}${isOld ? ', not subscriptions-transport-ws' : ''}.`,
  );
  // It is read no further, and soon leaves its place to others.
  socket.pause();
  setTimeout(() => socket.terminate(), REFUSED_PROTOCOL_CLOSE_MS).unref();
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {});
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Removes `prefix` from the path of a URL, if it leads it; the bare prefix is `/`. */
export function withoutPrefix(url: string, prefix: string): string {
  if (prefix === '' || !url.startsWith(prefix)) return url;
  const rest = url.slice(prefix.length);
  if (rest.startsWith('/')) return rest;
  return rest === '' || rest.startsWith('?') ? `/${rest}` : url;
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}
