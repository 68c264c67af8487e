/** A port of this machine with an HTTP server on it: from the first connection to the last. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { type Config, isLoopback } from '../config/config.js';
import { Connections } from './connections.js';
import { oneAtATime } from './pipelining.js';
import { type OnWebsocket, takeWebsockets } from './upgrades.js';
import { WaitingConnections } from './waiting-connections.js';

export interface Listener {
  readonly server: Server;
  /** The URL on this machine, like `http://127.0.0.1:4000`. */
  readonly url: string;
  /**
   * Begins to answer. Requests that arrived before have waited for this; WebSockets have been ignored. Call it once.
   *
   * @param onWebsocket what opens WebSockets at present; null: nothing
   */
  serve(answer: RequestListener, onWebsocket: () => OnWebsocket | null): void;
  /** Accepts no more connections, gives requests in flight `drainMs`, then closes. Safe to call twice. */
  stop(drainMs: number): Promise<void>;
}

/** How long a request may take to arrive; enough for a picture over a slow line. */
const REQUEST_TIMEOUT_MS = 120_000;
/** How long an idle connection is kept. */
const KEEP_ALIVE_MS = 72_000;
/** Requests that wait until they are served; the connections of more are cut. */
const MAX_EARLY_REQUESTS = 1000;
/** How long a new connection may take to send its first request during a stop. */
const FIRST_REQUEST_MS = 200;

/** Listens, so that the address is known before what is served there is made. Rejects if it can't. */
export async function listen({ host, port }: Pick<Config, 'host' | 'port'>): Promise<Listener> {
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
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    oneAtATime((request, response) => answer(request, response)),
  );
  const connections = new Connections(server);
  const waiting = new WaitingConnections(server, connections);
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
    serve: (onRequest, onUpgrade) => {
      answer = onRequest;
      onWebsocket = onUpgrade;
      for (const [response, request] of early) {
        // Nothing would close the answer to a client that has gone.
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
      // A process that was busy has not yet read what has arrived.
      await setImmediate();
      waiting.stop();
    }, FIRST_REQUEST_MS);
    // Not `closeAllConnections`: it misses connections whose offer to upgrade waits.
    const cut = setTimeout(() => connections.cutAll(), drainMs);
    await closed;
    clearTimeout(firstRequests);
    waiting.stop();
    clearTimeout(cut);
  }
}

/** The host by which a process on this machine reaches a server that listens on `host`. */
function hostOf(host: string): string {
  if (isLoopback(host)) return host === '::1' ? '[::1]' : host;
  return host === '::' ? '[::1]' : host === '0.0.0.0' ? '127.0.0.1' : host;
}

function portOf(server: Server, otherwise: number): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : otherwise;
}
