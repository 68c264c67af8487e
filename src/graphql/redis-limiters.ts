/** Limiters whose count all instances share. While Redis does not answer, each instance counts separately. */
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { createRedisConnection, disconnect } from '../services/bus/redis-connection.js';
import { inMemory, type LimiterFactory, type SharedLimiters } from './rate-limits.js';

interface RedisLimiterSettings {
  readonly url: string;
  /** The prefix of all keys. */
  readonly prefix: string;
  readonly log: Logger;
}

/** The maximum time a request waits for Redis. */
const ANSWER_MS = 500;

export function createRedisLimiters(settings: RedisLimiterSettings): SharedLimiters {
  return new RedisLimiters(settings);
}

class RedisLimiters implements SharedLimiters {
  readonly #log: Logger;
  readonly #connection: Redis;
  readonly #prefix: string;
  #isShared = true;

  constructor({ url, prefix, log }: RedisLimiterSettings) {
    this.#prefix = prefix;
    this.#log = log;
    this.#connection = createRedisConnection({ url, answerMs: ANSWER_MS });
    this.#connection.on('error', (error: Error) => this.#countsAlone(error));
    this.#connection.connect().catch(() => {
      // Reported by its `error` event, and retried.
    });
  }

  readonly create: LimiterFactory = (name, points) => {
    const shared = new RateLimiterRedis({
      storeClient: this.#connection,
      keyPrefix: `${this.#prefix}:rate:${name}`,
      points,
      duration: 60,
    });
    const own = inMemory(name, points);
    return {
      consume: async (key, taken) => {
        try {
          const result = await shared.consume(key, taken);
          this.#countsTogether();
          return result;
        } catch (refusal) {
          // It rejects with its counts if the limit is reached; an Error comes from Redis.
          if (!(refusal instanceof Error)) throw refusal;
          this.#countsAlone(refusal);
          return own.consume(key, taken);
        }
      },
    };
  };

  stop(): Promise<void> {
    return disconnect(this.#connection);
  }

  #countsAlone(error: Error): void {
    if (this.#isShared) {
      this.#log.warn({ reason: error.message }, 'each gateway now counts rate limits separately');
    }
    this.#isShared = false;
  }

  #countsTogether(): void {
    if (!this.#isShared) this.#log.info('rate limits are shared by all gateways again');
    this.#isShared = true;
  }
}
