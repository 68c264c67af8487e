/** Installations that share a Redis do not affect each other; the gateways of one installation meet there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { freePort } from '../support/free-port.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { OwnRedis } from '../support/own-redis.js';

vi.setConfig({ testTimeout: 30_000 });

const KEY = 'k'.repeat(32);
const QUERIES = 3;
const redis = new OwnRedis(await freePort());
let admin: Redis;
const gateways: TestGateway[] = [];

beforeAll(async () => {
  await redis.start();
  admin = new Redis(redis.url);
});
afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await admin.flushall();
});

async function start(env: Record<string, string> = {}, dir?: string): Promise<TestGateway> {
  const gateway = await startGateway({
    env: {
      REDIS_URL: redis.url,
      AUTH_API_KEYS: `ann:${KEY}`,
      RATE_QUERIES_PER_MINUTE: String(QUERIES),
      ...env,
    },
    ...(dir !== undefined && { dir }),
  });
  gateways.push(gateway);
  return gateway;
}

/** How many of a few consecutive queries are accepted. */
async function letThrough({ url }: TestGateway): Promise<number> {
  let passed = 0;
  for (let i = 0; i < QUERIES + 2; i++) {
    const { status } = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ query: '{ __typename }' }),
    });
    if (status === 200) passed += 1;
  }
  return passed;
}

/** The prefixes of their channels. */
async function prefixes(): Promise<ReadonlySet<string>> {
  const channels = (await admin.pubsub('CHANNELS')) as string[];
  return new Set(channels.map((channel) => channel.replace(/:check:.*/, '')));
}

test('installations with databases of their own share no channels and no limits', async () => {
  const here = await start();
  const there = await start();
  expect(await letThrough(here)).toBe(QUERIES);
  expect(await letThrough(there)).toBe(QUERIES);
  expect([...(await prefixes())]).toEqual([
    expect.stringMatching(/^faceswap:[0-9a-f]{16}$/),
    expect.stringMatching(/^faceswap:[0-9a-f]{16}$/),
  ]);
});

test('an installation has the same name after each start', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'shared-redis-'));
  const before = await start({}, dir);
  expect(await letThrough(before)).toBe(QUERIES);
  const name = await prefixes();
  await before.stop();
  const after = await start({}, dir);
  expect(await prefixes()).toEqual(name);
  expect(await letThrough(after)).toBe(0);
  await after.stop();
  rmSync(dir, { recursive: true });
});

test('REDIS_PREFIX names it for all who should meet', async () => {
  const both = [
    await start({ REDIS_PREFIX: 'faceswap' }),
    await start({ REDIS_PREFIX: 'faceswap' }),
  ] as const;
  expect(await letThrough(both[0])).toBe(QUERIES);
  expect(await letThrough(both[1])).toBe(0);
  expect([...(await prefixes())]).toEqual(['faceswap']);
});
