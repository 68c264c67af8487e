/** A Redis that hangs (it answers nothing and closes nothing) delays nothing. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { oneFace, openSocket, run } from '../support/caller.js';
import { freePort } from '../support/free-port.js';
import { build, cleanUp, newFolder, startProcess } from '../support/gateway-process.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { JOB_UPDATED, type SeenJob, SUBMIT, textOf } from '../support/operations.js';
import { OwnRedis } from '../support/own-redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const KEY = 'k'.repeat(32);
const authorization = `Bearer ${KEY}`;
/** Half a second for limits, the same for a second command, and the work itself on a busy machine. */
const SOON_MS = 5000;

const redis = new OwnRedis(await freePort());
let proxy: TcpProxy;

beforeAll(async () => {
  await redis.start();
  proxy = await startProxy(redis.url);
});
afterEach(async () => {
  proxy.toServer = () => 'pass';
  await proxy.become('on');
});
afterAll(async () => {
  await proxy.stop();
  await redis.stop();
});

const env = () => ({ REDIS_URL: proxy.url, AUTH_API_KEYS: `ann:${KEY}` });

/** The result, and how long it took. */
async function timed<T>(work: Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const begun = performance.now();
  const value = await work;
  return { value, ms: performance.now() - begun };
}

async function call(url: string, query: string, variables?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: Record<string, unknown>; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

/** Whether it considers Redis to be working; it must be ready in any case. */
async function isJoined(url: string): Promise<boolean> {
  const { value, ms } = await timed(fetch(`${url}/readyz`));
  expect(ms).toBeLessThan(SOON_MS);
  expect(value.status).toBe(200);
  return ((await value.json()) as { status: string }).status === 'ok';
}

describe('a gateway whose Redis', { timeout: 60_000 }, () => {
  let gateway: TestGateway;
  afterEach(() => gateway.stop());

  test.each(['silent', 'away'] as const)('is %s serves, says so, and joins again', async (mode) => {
    gateway = await startGateway({ env: env() });
    const { url } = gateway;
    expect(await isJoined(url)).toBe(true);
    await proxy.become(mode);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => [
        timed(call(url, '{ jobs { edges { node { id } } } }')),
        timed(call(url, textOf(SUBMIT), { input: oneFace() })),
      ]).flat(),
    );
    for (const { ms } of answers) expect(ms).toBeLessThan(SOON_MS);

    const { submitFaceSwap } = await call(url, textOf(SUBMIT), { input: oneFace() });
    const { id } = (submitFaceSwap as { job: SeenJob }).job;
    const socket = openSocket(url, { connectionParams: { authorization } });
    let last: string | undefined;
    for await (const { data } of run(socket, JOB_UPDATED, { id })) last = data?.jobUpdated.status;
    expect(last).toBe('COMPLETED');
    await socket.dispose();

    await expect.poll(() => isJoined(url), { timeout: 15_000 }).toBe(false);
    await proxy.become('on');
    await expect.poll(() => isJoined(url), { timeout: 15_000 }).toBe(true);
  });
});

describe('a stop while Redis is silent', { timeout: 60_000 }, () => {
  beforeAll(build, 60_000);
  afterEach(cleanUp);

  test('ends the process', async () => {
    const gateway = await startProcess(newFolder(), { ...env(), DRAIN_MS: '1000' });
    const atRedis = new Promise<void>((resolve) => {
      proxy.toServer = (bytes) => {
        if (!bytes.includes(':rate:')) return 'pass';
        resolve();
        return 'silence';
      };
    });
    const asked = call(gateway.url, '{ jobs { edges { node { id } } } }');
    await atRedis;
    await proxy.become('silent');
    gateway.child.kill('SIGTERM');
    const { ms, value } = await timed(gateway.ended);
    expect(value).toBe(0);
    expect(ms).toBeLessThan(10_000);
    await asked;
  });
});
