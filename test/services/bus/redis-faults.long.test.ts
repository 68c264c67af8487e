/** A Redis that responds but does not do what a bus needs: noticed and logged, until it works. */
import { PassThrough } from 'node:stream';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRedisLimiters } from '../../../src/graphql/redis-limiters.js';
import { createRedisJobBus } from '../../../src/services/bus/redis-job-bus.js';
import type { JobBus, JobSignal } from '../../../src/services/jobs/job-bus.js';
import { freePort } from '../../support/free-port.js';
import { OwnRedis } from '../../support/own-redis.js';
import { jobWith } from '../../support/samples.js';
import { startProxy } from '../../support/tcp-proxy.js';

const server = new OwnRedis(await freePort());
const UP = { isUp: true };
const PATIENCE = { timeout: 15_000 };

let admin: Redis;
let bus: JobBus | null = null;
let log: () => readonly { msg: string; reason?: string }[];

beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => {
  admin = new Redis(server.url);
});
afterEach(async () => {
  await bus?.stop();
  bus = null;
  await admin.flushall().catch(() => {});
  admin.disconnect();
});

function open(url: string): JobBus {
  const written = new PassThrough();
  let text = '';
  written.on('data', (bytes: Buffer) => {
    text += bytes;
  });
  log = () => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  bus = createRedisJobBus({ url, prefix: 'p', log: pino({ level: 'info' }, written) });
  return bus;
}

async function asUser(...rules: readonly string[]): Promise<string> {
  await admin.call('ACL', 'SETUSER', 'gateway', 'reset', 'on', '>pw', ...rules);
  return server.url.replace('://', '://gateway:pw@');
}

test('a user that may use no channels is told of at the start, and the bus works once it may', async () => {
  // By default, Redis 7 gives new users access to no channels.
  const here = open(await asUser('+@all', '~*', 'resetchannels'));
  await here.start();
  expect(here.health()).toMatchObject({ isUp: false, reason: expect.stringMatching(/NOPERM.*channel/) });
  expect(log()).toMatchObject([
    {
      msg: 'the bus is down: updates from other gateways arrive seconds late',
      reason: expect.stringContaining('NOPERM'),
    },
  ]);
  const job = jobWith();
  const heard: JobSignal[] = [];
  let gaps = 0;
  here.onGap(() => {
    gaps += 1;
  });
  await here.followJob(job.id, (signal) => heard.push(signal));

  await admin.call('ACL', 'SETUSER', 'gateway', 'allchannels');
  await expect.poll(() => here.health(), PATIENCE).toEqual(UP);
  expect(gaps).toBe(1);
  await admin.publish(`p:job:${job.id}`, JSON.stringify({ from: 'elsewhere', id: job.id, version: 7 }));
  await expect.poll(() => heard.map(({ version }) => version)).toEqual([7]);
  expect(log().map(({ msg }) => msg)).toEqual([
    'the bus is down: updates from other gateways arrive seconds late',
    'the bus is up again',
  ]);
});

test('a user with no more rights than the documentation asks for is enough', async () => {
  const rules = ['+publish', '+subscribe', '+unsubscribe', '+ping', '+set', '+eval', '+evalsha'];
  const script = ['+incrby', '+pttl', '+expire'];
  const url = await asUser(...rules, ...script, '~p:*', '&p:*');
  const here = open(url);
  await here.start();
  expect(here.health()).toEqual(UP);
  expect(log()).toEqual([]);
  const limiters = createRedisLimiters({ url, prefix: 'p', log: pino({ level: 'silent' }) });
  const limiter = limiters.create('queries', 10);
  await expect
    .poll(async () => {
      await limiter.consume('ann', 1);
      return admin.exists('p:rate:queries:ann');
    })
    .toBe(1);
  await limiters.stop();
});

test('a primary that became a replica is left: its address may lead to the new one by now', async () => {
  const next = new OwnRedis(await freePort());
  await next.start();
  const here = open(server.url);
  await here.start();
  const ids = async () => {
    const list = String(await admin.call('CLIENT', 'LIST', 'TYPE', 'NORMAL'));
    return [...list.matchAll(/^id=(\d+) .*name=face-swap-gateway /gm)].map(([, id]) => id);
  };
  const before = await ids();
  expect(before.length).toBeGreaterThan(0);
  try {
    await admin.call('REPLICAOF', '127.0.0.1', new URL(next.url).port);
    await expect.poll(() => here.health(), PATIENCE).toMatchObject({ isUp: false });
    expect(log()[0]?.reason).toContain('READONLY');
    await expect.poll(async () => (await ids()).some((id) => before.includes(id)), PATIENCE).toBe(false);
  } finally {
    await admin.call('REPLICAOF', 'NO', 'ONE');
    await next.stop();
  }
  await expect.poll(() => here.health(), PATIENCE).toEqual(UP);
});

test('a connection that falls silent alone is made anew', async () => {
  const proxy = await startProxy(server.url);
  const here = open(proxy.url);
  await here.start();
  proxy.toClient = (bytes) => (bytes.includes('message') ? 'silence' : 'pass');
  await expect.poll(() => here.health(), PATIENCE).toMatchObject({ isUp: false });
  proxy.toClient = () => 'pass';
  await expect.poll(() => here.health(), PATIENCE).toEqual(UP);
  await here.stop();
  await proxy.stop();
});

test('messages that do not arrive make the bus down, though every command is answered', async () => {
  const proxy = await startProxy(server.url);
  const here = open(proxy.url);
  await here.start();
  proxy.toClient = (bytes) => {
    const message = /p:check:\S+\r\n\$36\r\n/.exec(bytes.toString('latin1'));
    if (message !== null) bytes.write('?', message.index + message[0].length);
    return 'pass';
  };
  const reason = 'Redis does not deliver published messages';
  await expect.poll(() => here.health(), PATIENCE).toEqual({ isUp: false, reason });
  proxy.toClient = () => 'pass';
  await expect.poll(() => here.health(), PATIENCE).toEqual(UP);
  await here.stop();
  await proxy.stop();
});

test('a start that can not reach Redis says why, and the bus joins when it can', async () => {
  const proxy = await startProxy(server.url);
  await proxy.become('away');
  const here = open(proxy.url);
  await expect(here.start()).rejects.toThrow(/ECONNREFUSED/);
  await proxy.become('on');
  await expect.poll(() => here.health(), PATIENCE).toEqual(UP);
  await here.stop();
  await proxy.stop();
});

test('a wrong password is named at the start, and not repeated', async () => {
  const here = open(server.url.replace('://', '://nobody:s3cret@'));
  const reason = await here.start().catch((error: unknown) => String(error));
  expect(reason).toMatch(/WRONGPASS/);
  expect(reason).not.toContain('s3cret');
});
