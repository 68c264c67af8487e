/** Limiters whose count all instances share. While Redis is out of reach each instance counts for itself. */
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { inMemory, type SharedLimiters } from './rate-limits.js';

export function createRedisLimiters({
  url,
  log,
}: {
  readonly url: string;
  readonly log: Logger;
}): SharedLimiters {
  const connection = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  connection.on('error', (error) => log.warn({ reason: String(error.message) }, 'Redis is out of reach'));
  return {
    create: (name, points) =>
      new RateLimiterRedis({
        storeClient: connection,
        keyPrefix: `faceswap:rate:${name}`,
        points,
        duration: 60,
        insuranceLimiter: inMemory(name, points),
      }),
    stop: () => connection.disconnect(),
  };
}
