/** An HTTP server on a port of this machine, from the first connection to the last. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import { isLoopback } from '../loopback.js';
import { OpenConnections } from './open-connections.js';
import { oneAtATime } from './pipelining.js';
import { type OnWebsocket, takeWebsockets } from './upgrades.js';
import { WaitingConnections } from './waiting-connections.js';

export interface Listener {
  readonly server: Server;
  /** The URL on this machine, like `http://127.0.0.1:4000`. */
  readonly url: string;
  /** Requests without a complete answer, at most one for each connection. */
  readonly unanswered: number;
  /**
   * Begins to answer, including requests that arrived before. Earlier WebSocket upgrades were ignored. Call it once.
   *
   * @param onWebsocket returns the current WebSocket handler; null if there is none
   */
  serve(answer: RequestListener, onWebsocket: () => OnWebsocket | null): void;
  /** Accepts no more connections, gives requests in flight `drainMs`, then closes. Safe to call twice. */
  stop(drainMs: number): Promise<void>;
}

/** How long a request may take to arrive; enough for a picture over a slow line. The bytes of uploads may take longer. */
const REQUEST_TIMEOUT_MS = 120_000;
/** The maximum number of requests that wait for `serve`; the connections of further ones are cut. */
const MAX_EARLY_REQUESTS = 1000;
/** How long a new connection may take to send its first request during a stop. */
const FIRST_REQUEST_MS = 200;

/** Listens, so that the address is known before the parts that serve it are created. Rejects if it can't listen. */
export async function listen({
  host,
  port,
  keepAliveMs,
}: Pick<Config, 'host' | 'port' | 'keepAliveMs'>): Promise<Listener> {
  const early = new Map<ServerResponse, IncomingMessage>();
  let answer: RequestListener = (request, response) => {
    if (early.size >= MAX_EARLY_REQUESTS) {
      request.socket.destroy();
      return;
    }
    early.set(response, request);
    response.once('close', () => early.delete(response));
  };
  let onWebsocket = (): OnWebsocket | null => null;
  let stopped: Promise<void> | null = null;
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: keepAliveMs },
    oneAtATime((request, response) => answer(request, response)),
  );
  const connections = new OpenConnections(server);
  const waiting = new WaitingConnections(server, connections);
  passExpectationsOn(server);
  takeWebsockets(server, connections, () => onWebsocket());
  try {
    await once(server.listen({ host, port }), 'listening');
  } catch (error) {
    waiting.stop();
    throw error;
  }
  return {
    server,
    url: `http://${hostOf(host)}:${portOf(server, port)}`,
    get unanswered() {
      return connections.unanswered;
    },
    serve: (onRequest, onUpgrade) => {
      answer = onRequest;
      onWebsocket = onUpgrade;
      for (const [response, request] of early) {
        // Nothing would ever close the answer to a client that is gone.
        if (!request.socket.destroyed) answer(request, response);
      }
      early.clear();
    },
    stop: (drainMs) => {
      stopped ??= stop(drainMs);
      return stopped;
    },
  };

  async function stop(drainMs: number): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    // Browsers connect in advance. Node does not count such connections as idle, and would wait for them.
    const firstRequests = setTimeout(async () => {
      // A process that was busy may not have read yet what has arrived.
      await setImmediate();
      waiting.stop();
    }, FIRST_REQUEST_MS);
    // Not `closeAllConnections`: it misses connections whose upgrade offer is waiting.
    const cut = setTimeout(() => connections.cutAll(), drainMs);
    await closed;
    clearTimeout(firstRequests);
    waiting.stop();
    clearTimeout(cut);
  }
}

/** Tells clients that wait with their body to send it, except for a PUT, which may be refused before. */
function passExpectationsOn(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'PUT') response.writeContinue();
    server.emit('request', request, response);
  });
}

/** Returns the host at which a process on this machine reaches a server that listens on `host`. */
function hostOf(host: string): string {
  if (isLoopback(host)) return host === '::1' ? '[::1]' : host;
  return host === '::' ? '[::1]' : host === '0.0.0.0' ? '127.0.0.1' : host;
}

function portOf(server: Server, otherwise: number): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : otherwise;
}
