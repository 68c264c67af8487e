/** Rate limits over Redis: counted across all instances, and no instance stops when Redis is away. */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { GatewayError } from '../../src/errors.js';
import { RateLimits } from '../../src/graphql/rate-limits.js';
import { createRedisLimiters } from '../../src/graphql/redis-limiters.js';
import { redisUrl } from '../support/services.js';

const url = await redisUrl();
const log = pino({ level: 'silent' });
const settings = { queriesPerMinute: 3, mutationsPerMinute: 3 };
const stops: (() => void)[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function instance(redis: string): RateLimits {
  const limiters = createRedisLimiters({ url: redis, prefix: 'faceswap', log });
  stops.push(() => limiters.stop());
  return new RateLimits(settings, limiters.create);
}

/** A new tenant. */
const someone = () => ({ tenant: randomUUID(), expiresAt: null, onlyJob: null });

/** How many of these attempts are accepted, alternating between the instances. */
async function letThrough(instances: readonly RateLimits[], tries: number): Promise<number> {
  const caller = someone();
  let passed = 0;
  for (let i = 0; i < tries; i += 1) {
    await instances[i % instances.length]?.take(caller, 'mutations', 1)?.then(
      () => {
        passed += 1;
      },
      (error: unknown) => expect(error).toMatchObject({ code: 'RATE_LIMITED' }),
    );
  }
  return passed;
}

describe.skipIf(url === null)('rates over Redis', () => {
  test('are counted over all instances together', async () => {
    const both = [instance(url ?? ''), instance(url ?? '')];
    // Until they are connected to Redis, each counts for itself.
    await expect.poll(() => letThrough(both, 8)).toBe(3);
  });
});

test('while Redis is away each instance counts for itself', async () => {
  const alone = [instance('redis://127.0.0.1:1'), instance('redis://127.0.0.1:1')];
  expect(await letThrough(alone, 12)).toBe(6);
});

describe('the rate of a kind of operation', () => {
  const limits = (queriesPerMinute: number | null, mutationsPerMinute: number | null) =>
    new RateLimits({ queriesPerMinute, mutationsPerMinute });

  test('is counted for each caller apart, and its refusal says when to come again', async () => {
    const rates = limits(3, 3);
    const ann = someone();
    await rates.take(ann, 'queries', 3);
    const refusal = (await rates.take(ann, 'queries', 1)?.catch((error: unknown) => error)) as GatewayError;
    const seconds = Number(refusal.extensions['retryAfterSeconds']);
    expect([refusal.code, refusal.message]).toEqual([
      'RATE_LIMITED',
      `Too many queries; try again in ${seconds} s.`,
    ]);
    expect([seconds > 30, seconds <= 60]).toEqual([true, true]);
    await rates.take(ann, 'mutations', 3);
    await rates.take({ ...ann, onlyJob: 'job' }, 'queries', 3);
    await rates.take(someone(), 'queries', 3);
  });

  test('may have no limit, whatever the other has', async () => {
    for (const [kind, other, rates] of [
      ['queries', 'mutations', limits(null, 1)],
      ['mutations', 'queries', limits(1, null)],
    ] as const) {
      expect(rates.take(someone(), kind, 1000)).toBeUndefined();
      await expect(rates.take(someone(), other, 2)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    }
  });

  test('stops nobody when it cannot be counted', async () => {
    const rates = new RateLimits(settings, () => ({ consume: () => Promise.reject(new Error('gone')) }));
    await expect(rates.take(someone(), 'queries', 1)).resolves.toBeUndefined();
  });
});
