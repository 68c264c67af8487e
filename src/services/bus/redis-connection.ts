/**
 * Connections to Redis on which nothing waits for ever: a command that is not answered in time fails, and a
 * connection on which nothing arrives although answers are due is destroyed and made anew.
 */
import { Redis } from 'ioredis';

export interface RedisConnectionSettings {
  readonly url: string;
  /** The longest that a command waits for its answer, in milliseconds. */
  readonly answerMs: number;
}

const CONNECT_TIMEOUT_MS = 2000;
/** Without a byte while answers are due; longer than our own process is busy with anything. */
const SILENCE_TIMEOUT_MS = 2000;
/** Idle connections are probed by the operating system after this long. */
const KEEP_ALIVE_MS = 10_000;
/** How long a closed connection may take to send what was written. */
const DISCONNECT_TIMEOUT_MS = 500;
const MAX_RECONNECT_PAUSE_MS = 2000;

/** Not connected yet. It reconnects by itself until `disconnect` is called; listen to its `error` events. */
export function createRedisConnection({ url, answerMs }: RedisConnectionSettings): Redis {
  return new Redis(url, {
    lazyConnect: true,
    connectionName: 'face-swap-gateway',
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: answerMs,
    socketTimeout: SILENCE_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    retryStrategy: (tries: number) => Math.min(MAX_RECONNECT_PAUSE_MS, 50 * 2 ** Math.min(tries, 10)),
    // What can't be done now is of no use later: callers do without, and say so.
    enableOfflineQueue: false,
    // It asks with INFO, which not every user may; a Redis that is still loading refuses commands by itself.
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    // A replica that was the primary before; its address may lead to the new one by now.
    reconnectOnError: (error) => error.message.includes('READONLY'),
  });
}

/** Resolves when what was written is sent, or after a moment. */
export async function disconnect(connection: Redis): Promise<void> {
  const isOpen = connection.status === 'ready' || connection.status === 'connect';
  const closed = new Promise<void>((resolve) => connection.once('close', resolve));
  connection.disconnect();
  if (isOpen) await closed;
}
