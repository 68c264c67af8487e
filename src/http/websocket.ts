/** GraphQL over WebSocket at `/graphql`: the door for sockets that speak `graphql-transport-ws`. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { handleProtocols } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import { CallersConnection } from './callers-connection.js';
import { SilentSockets } from './silent-sockets.js';
import { type SocketOptions, socketOperations } from './socket-operations.js';
import { boundUnfinished } from './unfinished.js';
import type { OnWebsocket } from './upgrades.js';
import { PingedSocket, pingAll } from './websocket-transport.js';

export interface WebsocketOptions extends SocketOptions {
  /** Longer messages close the socket with 1009, in bytes. */
  readonly maxMessageBytes: number;
  /** Sockets at once; more are refused with 503. */
  readonly maxSockets: number;
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
  /** Opens a socket, or refuses it; null once it is being stopped. */
  readonly onWebsocket: OnWebsocket | null;
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

const PATH = '/graphql';
/** Frames of one message: clients that split theirs make them of some kilobytes. */
const MAX_FRAMES = 256;
/** Reads from the network for one frame: they are kept until it is whole. */
const MAX_CHUNKS = 4096;
/** Messages that have begun and not ended, of all sockets. */
const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;
/** From one address, and no more than half of all places. */
const MAX_SILENT_SOCKETS = 1000;
const GOING_AWAY = 1001;

export function websocketEndpoint(options: WebsocketOptions): WebsocketEndpoint {
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

  const silent = new SilentSockets<CallersConnection>(
    Math.min(MAX_SILENT_SOCKETS, Math.ceil(options.maxSockets / 2)),
    // Closing it would take it up to half a minute, and a place as long. Clients come again.
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
    if (pathOf(request) !== PATH) refuse(socket, '404 Not Found');
    else if (sockets.clients.size >= options.maxSockets) refuse(socket, '503 Service Unavailable');
    else if (!options.mayConnect(request)) refuse(socket, '403 Forbidden');
    else
      sockets.handleUpgrade(request, socket, head, (opened) => {
        opened.stream = socket;
        const connection = new CallersConnection(opened, reportUnexpected);
        connection.address = socket.remoteAddress ?? '';
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
    // Resolves when all are gone.
    await new Promise<void>((resolve) => sockets.close(() => resolve()));
    for (const timer of cuts) clearTimeout(timer);
    stopPings();
    stopLooks();
  }
}

/** Whose its messages are. */
function senderOf({ connection }: PingedSocket): string {
  return connection instanceof CallersConnection ? connection.sender : '';
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {});
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}
