/**
 * Connections to Redis that never wait forever: a command without a reply in time fails, and a connection on which
 * replies are due but nothing arrives is destroyed and replaced.
 */
import { Redis } from 'ioredis';

interface RedisConnectionSettings {
  readonly url: string;
  /** The timeout of a command, in milliseconds. */
  readonly answerMs: number;
}

const CONNECT_TIMEOUT_MS = 2000;
/** How long a connection may be silent while replies are due; longer than any pause of our own process. */
const SILENCE_TIMEOUT_MS = 2000;
/** The operating system probes idle connections after this long. */
const KEEP_ALIVE_MS = 10_000;
/** How long a closing connection may take to send what was written. */
const DISCONNECT_TIMEOUT_MS = 500;
const MAX_RECONNECT_PAUSE_MS = 2000;

/** Does not connect yet. Reconnects until `disconnect` is called; listen to its `error` events. */
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
    // A command that can't be sent now is useless later; callers cope without it, and report it.
    enableOfflineQueue: false,
    // The ready check uses INFO, which not every user may run. A Redis that is still loading refuses commands anyway.
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    // The server has become a replica; its address may lead to the new primary by now.
    reconnectOnError: (error) => error.message.includes('READONLY'),
  });
}

/** Resolves when everything written has been sent, or after `DISCONNECT_TIMEOUT_MS`. */
export async function disconnect(connection: Redis): Promise<void> {
  const isOpen = connection.status === 'ready' || connection.status === 'connect';
  const closed = new Promise<void>((resolve) => connection.once('close', resolve));
  connection.disconnect();
  if (isOpen) await closed;
}
