import type { FetcherParams } from '@graphiql/toolkit';
import { CloseCode, createClient, type ExecutionResult } from 'graphql-ws';
import { Observable } from 'rxjs';
import { failure } from './failure.js';
import { delay, type GatewayPresence } from './gateway-presence.js';

/** A socket that is silent for longer than both together is given up. */
const PING_EVERY_MS = 10_000;
const PONG_TIMEOUT_MS = 5000;
/** How often a socket is opened again, after 1, 2, 4 … seconds, if none opens although the gateway answers over HTTP. */
const SOCKET_RETRIES = 4;
const NORMAL_CLOSURE = 1000;

export interface SocketSubscription {
  readonly params: FetcherParams;
  /** Sent as `connectionParams.authorization`. */
  readonly authorization: string | undefined;
}

/**
 * Runs a subscription on a socket of its own. If the socket is lost, waits until the gateway answers again, and
 * subscribes again: the gateway then sends the present state first. What ends the subscription for good becomes its last
 * event, in plain words.
 */
export function subscribeOverSocket(
  endpoint: URL,
  presence: GatewayPresence,
  { params, authorization }: SocketSubscription,
): Observable<ExecutionResult> {
  const address = new URL(endpoint);
  address.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

  return new Observable((subscriber) => {
    let silence: ReturnType<typeof setTimeout> | undefined;
    const client = createClient({
      url: address.href,
      ...(authorization !== undefined && { connectionParams: { authorization } }),
      keepAlive: PING_EVERY_MS,
      retryAttempts: SOCKET_RETRIES,
      // Forbidden means that the credentials have expired; graphql-ws itself gives up on those that are wrong.
      shouldRetry: (cause) => !(cause instanceof CloseEvent && cause.code === CloseCode.Forbidden),
      retryWait: async (retries) => {
        await delay(1000 * 2 ** retries * (1 - Math.random() / 3));
        await presence.answering();
      },
      on: {
        connected: () => presence.answered(),
        ping: (isReceived) => {
          if (!isReceived) silence = setTimeout(() => client.terminate(), PONG_TIMEOUT_MS);
        },
        pong: (isReceived) => {
          if (isReceived) clearTimeout(silence);
        },
        error: () => void presence.answering(),
        closed: (event) => {
          clearTimeout(silence);
          if (!(event instanceof CloseEvent && event.code === NORMAL_CLOSURE)) void presence.answering();
        },
      },
    });
    // The Observable ignores what comes after its end: graphql-ws may report the end of a lost socket much later.
    return client.subscribe(
      { ...params, operationName: params.operationName ?? null },
      {
        next: (event) => subscriber.next(event as ExecutionResult),
        error: (cause) => {
          subscriber.next(Array.isArray(cause) ? { errors: cause } : failure(reasonOf(cause, address)));
          subscriber.complete();
        },
        complete: () => subscriber.complete(),
      },
    );
  });
}

function reasonOf(cause: unknown, address: URL): string {
  if (!(cause instanceof CloseEvent && cause.code >= 4000))
    return `No WebSocket to ${address} stays open, although the gateway answers over HTTP. If there is a proxy between this page and the gateway, it has to forward WebSockets. Run the subscription again to try again.`;
  const ended = `The gateway ended the subscription: ${cause.reason || 'it gave no reason'} (${cause.code}).`;
  return [CloseCode.Unauthorized, CloseCode.Forbidden].includes(cause.code)
    ? `${ended} Set "Authorization" in Headers, below the operation, and run it again.`
    : ended;
}
