/**
 * The sockets under graphql-ws: pings, what a hostile client may not do, and nothing of GraphQL.
 *
 * In place of graphql-ws's own adapter for `ws`, because that one goes on reading a socket that is being
 * closed (credentials that have run out could still submit), keeps whatever a client does not read, and
 * writes what clients do wrong to the console.
 */
import { CloseCode, type Server } from 'graphql-ws';
import type { WebSocket } from 'ws';

export interface TransportOptions {
  /** Between pings; a socket that does not answer one by the next is cut, in milliseconds. */
  readonly pingMs: number;
  /** What goes wrong on our side while a message is dealt with. */
  readonly reportUnexpected: (error: unknown) => void;
}

export interface SocketExtra {
  readonly socket: WebSocket;
  /** Messages that are being dealt with; of an operation, until it has ended or its client has left it. */
  busy: number;
}

/** A client who lets this much lie unread, in bytes, and still asks for more, is cut. */
const MOST_UNREAD_BYTES = 16 * 1024 * 1024;

/** Connects a socket that has just opened. `extra` is what graphql-ws is to keep with it. */
export function connectSocket<Extra extends SocketExtra>(
  graphql: Server<Extra>,
  extra: Extra,
  { pingMs, reportUnexpected }: TransportOptions,
): void {
  const { socket } = extra;
  const isOpen = (): boolean => socket.readyState === socket.OPEN;
  // `ws` closes with the right code by itself; without a listener the error would end the process.
  socket.on('error', () => {});

  let alive = true;
  const pings = setInterval(() => {
    if (!alive) return socket.terminate();
    alive = false;
    if (isOpen()) socket.ping();
  }, pingMs);
  socket.on('pong', () => {
    alive = true;
  });

  const closed = graphql.opened(
    {
      protocol: socket.protocol,
      send: (text) =>
        new Promise((resolve) => {
          // A send fails when the socket is gone, and then its end is told of anyway.
          if (isOpen()) socket.send(text, () => resolve());
          else resolve();
        }),
      close: (code, reason) => socket.close(code, reason),
      onMessage: (take) => {
        socket.on('message', async (data) => {
          if (!isOpen()) return;
          if (socket.bufferedAmount > MOST_UNREAD_BYTES) return socket.terminate();
          extra.busy += 1;
          try {
            await take(String(data));
          } catch (error) {
            if (isClientsFault(error)) return socket.close(CloseCode.BadRequest, 'Invalid message received');
            reportUnexpected(error);
            socket.close(CloseCode.InternalServerError, 'Internal server error');
          } finally {
            extra.busy -= 1;
          }
        });
      },
      // Without the client's payload: an echo is work that a client gets for nothing.
      onPing: () => {
        if (isOpen()) socket.send('{"type":"pong"}', () => {});
      },
    },
    extra,
  );
  socket.once('close', (code, reason) => {
    clearInterval(pings);
    Promise.resolve(closed(code, String(reason))).catch(reportUnexpected);
  });
}

/** A message that only servers send: graphql-ws throws where it closes with 4400 for other invalid ones. */
function isClientsFault(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Unexpected message of type ');
}
