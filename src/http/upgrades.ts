/**
 * Accepts upgrades to WebSocket. Other upgrade offers are ignored (RFC 9110, section 7.8): Java's HttpClient and
 * `curl --http2` offer h2c with every request.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { OpenConnections } from './open-connections.js';

export type OnWebsocket = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/**
 * Call it before the server listens. Node detaches the connection of an upgrade offer as soon as anything listens for
 * upgrades, and an unhandled one would never be answered.
 *
 * @param taker returns the current WebSocket handler; while there is none (null), WebSocket offers are ignored too
 */
export function takeWebsockets(
  server: Server,
  connections: OpenConnections,
  taker: () => OnWebsocket | null,
): void {
  const takerFor = ({ method, headers: { upgrade = '' } }: IncomingMessage): OnWebsocket | null =>
    method === 'GET' && upgrade.toLowerCase() === 'websocket' ? taker() : null;
  server.on('upgrade', (request: IncomingMessage, _socket: unknown, head: Buffer) => {
    const { socket } = request;
    const onWebsocket = takerFor(request);
    if (onWebsocket === null) giveBack(server, request, head, connections.newestAnswer(socket));
    else onWebsocket(request, socket, head);
  });
  // Newer Node (22.21, 24.9) calls this, and itself ignores the offers that are refused here.
  Object.assign(server, { shouldUpgradeCallback: (request: IncomingMessage) => takerFor(request) !== null });
}

/** How long an ignored offer may wait for the answers ahead of it. Node no longer watches its connection. */
const MAX_WAIT_MS = 30_000;

/** Gives the connection back to the server as if it were new, with the same request but without the offer. */
function giveBack(server: Server, request: IncomingMessage, head: Buffer, before?: ServerResponse): void {
  const { socket } = request;
  // Nothing else listens to the socket while it waits, or if it is being closed.
  socket.on('error', ignore);
  socket.unshift(Buffer.concat([headOf(request), head]));
  const go = (): void => {
    if (socket.destroyed || socket.writableEnded) return;
    socket.off('error', ignore);
    // Node's timeout between two requests no longer applies.
    socket.setTimeout(server.timeout);
    server.emit('connection', socket);
  };
  if (before === undefined || before.writableFinished) {
    go();
  } else {
    const patience = setTimeout(() => socket.destroy(), MAX_WAIT_MS);
    before.once('close', () => {
      clearTimeout(patience);
      go();
    });
  }
}

function ignore(): void {}

function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at], rawHeaders[at + 1]];
    if (name?.toLowerCase() !== 'upgrade') text += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, 'latin1');
}
