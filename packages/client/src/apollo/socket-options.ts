/**
 * Options with which graphql-ws notices a dead connection, comes back soon, and sends no expired token.
 *
 *     new GraphQLWsLink(createClient(socketOptions({ url: '/graphql', token: () => session.token() })))
 */
import type { ClientOptions } from 'graphql-ws/client';
import type { FaceSwapOptions } from '../face-swap.js';
import { authorizationOf } from '../request.js';
import { MissingSocket } from './missing-socket.js';
import { retryWait } from './retry-wait.js';
import { type SocketWatch, watchedSocket } from './socket-watch.js';

/**
 * As for `createFaceSwap`. A `token` that is a function is called before each connect; a string is given up once the
 * gateway says that it has expired, because it would be refused for ever.
 */
export type SocketOptions = Pick<FaceSwapOptions, 'url' | 'token' | 'webSocket'>;

/** The close code of expired credentials. Wrong ones are closed with 4401, on which graphql-ws always gives up. */
const EXPIRED = 4403;
/** So often a ping is sent; with the wait for its answer, a dead connection is noticed within 9 seconds. */
const KEEP_ALIVE_MS = 5000;
/** Keeps the connection from one component to the next. */
const LAZY_CLOSE_MS = 3000;

/** Options for `createClient`; `on` belongs to them, so listen with `client.on` instead. */
export function socketOptions({
  url,
  token,
  webSocket = globalThis.WebSocket,
}: SocketOptions): ClientOptions {
  let watch: SocketWatch | undefined;
  return {
    url: () => socketAddress(url),
    // A module that servers share may build its client there, where nothing subscribes.
    webSocketImpl: webSocket
      ? watchedSocket(webSocket, (begun) => {
          watch = begun;
        })
      : MissingSocket,
    connectionParams: () =>
      authorizationOf({ token }).catch((error: unknown) => {
        // Otherwise graphql-ws closes with a code on which it gives up if that is heard during the next attempt.
        watch?.abandon();
        throw error;
      }),
    keepAlive: KEEP_ALIVE_MS,
    lazyCloseTimeout: LAZY_CLOSE_MS,
    on: {
      connected: () => watch?.isAlive(),
      ping: (received) => {
        if (!received) watch?.isAsked();
      },
      pong: (received) => {
        if (received) watch?.isAlive();
      },
    },
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait,
    shouldRetry: (reason) => !(isClose(reason) && reason.code === EXPIRED && typeof token !== 'function'),
  };
}

function socketAddress(url: string | URL): string {
  const address = new URL(url, globalThis.location?.href);
  address.protocol = address.protocol.replace('http', 'ws');
  return address.href;
}

function isClose(reason: unknown): reason is { readonly code: unknown } {
  return typeof reason === 'object' && reason !== null && 'code' in reason;
}
