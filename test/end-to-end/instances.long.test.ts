/** Several gateways on one PostgreSQL and one Redis: clients and Akool may use any of them. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type App, createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { akoolSettings } from '../support/akool-settings.js';
import {
  ask,
  dataOf,
  errorOf,
  expectWholeLife,
  follow,
  lookUp,
  oneFace,
  openSocket,
  run,
  submit,
} from '../support/caller.js';
import { freePort } from '../support/free-port.js';
import { startGateway } from '../support/harness.js';
import {
  CANCEL,
  JOB_UPDATED,
  JOBS_CHANGED,
  JOBS_UPDATED,
  type SeenJob,
  SUBMIT,
} from '../support/operations.js';
import { OwnRedis } from '../support/own-redis.js';
import { postgresUrl, redisUrl, type TestDatabase, withDatabase } from '../support/services.js';

const postgres = await postgresUrl();
const redis = await redisUrl();

describe.skipIf(postgres === null || redis === null)('three gateways', { timeout: 60_000 }, () => {
  let database: TestDatabase;
  let sandbox: Sandbox;
  let own: OwnRedis;
  const apps: App[] = [];
  let urls: string[] = [];
  const dir = mkdtempSync(join(tmpdir(), 'instances-'));

  beforeAll(async () => {
    own = new OwnRedis(await freePort());
    await own.start();
  });
  afterAll(async () => {
    await own.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.stop()));
    await sandbox.stop();
    await database.drop();
    urls = [];
  });

  /** Akool calls the second of them. */
  async function startThree(
    env: Record<string, string> = {},
    log: Logger = pino({ level: 'silent' }),
  ): Promise<[string, string, string]> {
    database = await withDatabase(postgres ?? '');
    sandbox = createSandbox({ queueMs: 20, processMs: 40, maxConcurrency: 50 });
    await sandbox.start();
    const ports = [await freePort(), await freePort(), await freePort()];
    for (const port of ports) {
      const { config, secrets } = readConfig({
        PORT: String(port),
        PUBLIC_URL: `http://127.0.0.1:${ports[1]}`,
        DATABASE_URL: database.url,
        DATABASE_POOL_SIZE: '5',
        REDIS_URL: own.url,
        ARCHIVE_DIR: dir,
        ...akoolSettings(sandbox),
        AKOOL_MAX_CONCURRENCY: '20',
        DRAIN_MS: '2000',
        ...env,
      });
      apps.push(createApp(config, secrets, { log }));
    }
    urls = (await Promise.all(apps.map((app) => app.start()))).map(({ url }) => url);
    const [a, b, c] = urls;
    if (a === undefined || b === undefined || c === undefined) throw new Error('three were started');
    return [a, b, c];
  }

  test('a submit on one, webhooks to another, a follower on the third: in order, to the end', async () => {
    const [a, , c] = await startThree();
    const jobs = await Promise.all(Array.from({ length: 40 }, () => submit(a)));
    const lives = await Promise.all(jobs.map(({ id }) => follow(c, id)));
    for (const [i, { id }] of jobs.entries()) {
      const told = lives[i] ?? [];
      const end = await lookUp(c, id);
      const versions = told.map(({ version }) => version);
      expect(versions).toEqual([...new Set(versions)].sort((x, y) => x - y));
      // Redis sends versions, not states, so a state read late is a newer one. Each must match the history.
      for (const { version, status, history } of told) {
        expect(status).toBe(end.history[version - 1]?.status);
        expect(history).toEqual(end.history.slice(0, version));
      }
      // Only our copy may arrive later, and Akool's `job_id` if callbacks overtook the submit's answer.
      expect(told.at(-1)).toMatchObject({ status: 'COMPLETED', id });
      expect(told.at(-1)?.result?.providerUrl).toBe(end.result?.providerUrl);
      expect(end.history.map(({ source }) => source)).toContain('WEBHOOK');
    }
    expect(sandbox.bills).toHaveLength(40);
  });

  test('jobsUpdated on one tells of what happens on the others, each version once and in order', async () => {
    const [a, b, c] = await startThree();
    const socket = openSocket(c);
    const events = run(socket, JOBS_UPDATED);
    const first = events.next();
    // The first event shows that the subscription is active; a job that ended earlier causes none.
    do await submit(a);
    while ((await Promise.race([first, sleep(1000)])) === undefined);
    const job = await submit(b);
    const seen: SeenJob[] = [];
    for await (const { data } of { [Symbol.asyncIterator]: () => events }) {
      if (data?.jobsUpdated.id === job.id) seen.push(data.jobsUpdated);
      if (seen.at(-1)?.result?.archived === true) break;
    }
    await socket.dispose();
    const versions = seen.map(({ version }) => version);
    expect(versions).toEqual([...new Set(versions)].sort((x, y) => x - y));
    expect(seen.at(-1)).toEqual(await lookUp(a, job.id));
  });

  test('jobsChanged goes on at one where it ended at another, and tells of moves that a third made', async () => {
    const [a, b, c] = await startThree({ AKOOL_MAX_CONCURRENCY: '1', SUBMIT_WAIT_MS: '0' });
    const gate = sandbox.hold('submit');
    await submit(a);
    await gate.arrived;
    const [second, third] = [await submit(a), await submit(b)];
    const sockets = [openSocket(b), openSocket(c)] as const;
    const onB = run(sockets[0], JOBS_CHANGED, { after: null });
    const cursor = (await onB.next()).value?.data?.jobsChanged.cursor ?? '';
    const fourth = await submit(c);
    const wanted = [
      `CHANGED ${second.id} CANCELED null`,
      `MOVED ${third.id} WAITING 1`,
      `MOVED ${fourth.id} WAITING 2`,
    ];
    const told: string[] = [];
    const events = run(sockets[1], JOBS_CHANGED, { after: cursor });
    for await (const { data } of { [Symbol.asyncIterator]: () => events }) {
      const { kind, job } = data?.jobsChanged ?? {};
      told.push(job == null ? `${kind}` : `${kind} ${job.id} ${job.status} ${job.queuePosition}`);
      if (kind === 'CURRENT') await dataOf(ask(a, CANCEL, { id: second.id }));
      if (wanted.every((one) => told.includes(one))) break;
    }
    gate.release();
    await Promise.all(sockets.map((socket) => socket.dispose()));
    expect(told.slice(0, 2)).toEqual([`CHANGED ${fourth.id} WAITING 3`, 'CURRENT']);
  });

  test('a key that is used on all of them at once is one job and one bill', async () => {
    const gateways = await startThree();
    const input = oneFace({ idempotencyKey: 'everywhere' });
    const jobs = await Promise.all(
      Array.from({ length: 30 }, (_, i) => submit(gateways[i % 3] ?? '', input)),
    );
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(sandbox.bills).toHaveLength(1);
  });

  test('together they never have more jobs at Akool than there are slots', async () => {
    const gateways = await startThree({ AKOOL_MAX_CONCURRENCY: '3', SUBMIT_WAIT_MS: '0' });
    const jobs = await Promise.all(Array.from({ length: 30 }, (_, i) => submit(gateways[i % 3] ?? '')));
    const ends = await Promise.all(jobs.map(({ id }, i) => follow(gateways[(i + 1) % 3] ?? '', id)));
    expect(ends.every((life) => life.at(-1)?.status === 'COMPLETED')).toBe(true);
    expect(sandbox.peakConcurrency).toBe(3);
    expect(sandbox.bills).toHaveLength(30);
  });

  test('credit that runs out is known to all; one of them looks, and after a top-up each job is billed once', async () => {
    const gateways = await startThree({ AKOOL_MAX_CONCURRENCY: '3', SUBMIT_WAIT_MS: '0' });
    sandbox.credit = 4 * 4;
    const gate = sandbox.hold('submit');
    const jobs = await Promise.all(Array.from({ length: 24 }, (_, i) => submit(gateways[i % 3] ?? '')));
    gate.release();
    const reasons = () =>
      Promise.all(
        gateways.map(async (url) => {
          const query = '{ account { waitingReason } }';
          const { account } = await dataOf(
            ask<{ account: { waitingReason: string | null } }, unknown>(url, query),
          );
          return account.waitingReason;
        }),
      );
    await expect.poll(reasons, { timeout: 20_000 }).toEqual(Array(3).fill('NO_CREDIT'));
    for (const url of gateways) {
      const { extensions } = await errorOf(ask(url, SUBMIT, { input: oneFace() }));
      expect(extensions).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', waitingReason: 'NO_CREDIT' });
    }
    await sandbox.settled();
    const { pro: tried, credit: looks } = sandbox.requests;
    // Two queries of the credit later: three gateways querying separately would have made six.
    await expect.poll(() => sandbox.requests.credit, { timeout: 30_000 }).toBeGreaterThanOrEqual(looks + 2);
    expect(sandbox.requests.credit).toBeLessThanOrEqual(looks + 3);
    expect(sandbox.requests.pro).toBe(tried);
    sandbox.credit = 1000;
    const lives = await Promise.all(jobs.map(({ id }, i) => follow(gateways[i % 3] ?? '', id)));
    expect(lives.map((life) => life.at(-1)?.status)).toEqual(Array(24).fill('COMPLETED'));
    expect(sandbox.bills).toHaveLength(24);
    expect(await reasons()).toEqual([null, null, null]);
  });

  test('Redis goes away under load and comes back: no follower misses an end', async () => {
    const [a, b, c] = await startThree({ AKOOL_MAX_CONCURRENCY: '5' });
    const jobs = await Promise.all(Array.from({ length: 20 }, () => submit(a)));
    const lives = Promise.all(jobs.map(({ id }) => follow(c, id)));
    await own.stop();
    const during = await Promise.all(Array.from({ length: 10 }, () => submit(b)));
    const livesDuring = Promise.all(during.map(({ id }) => follow(c, id)));
    // All jobs end at Akool before Redis is back, so all messages about them are lost.
    for (const { id } of [...jobs, ...during]) {
      await expect.poll(async () => (await lookUp(a, id)).finishedAt).not.toBeNull();
    }
    await own.start();
    for (const life of [...(await lives), ...(await livesDuring)]) {
      expect(life.at(-1)?.status).toBe('COMPLETED');
    }
  });

  test('a follower may go from one gateway to the next with afterVersion', async () => {
    const [a, b, c] = await startThree({ KEEP_RESULTS: 'false' });
    const job = await submit(a);
    const socket = openSocket(b);
    const [begin] = [await run(socket, JOB_UPDATED, { id: job.id }).next()];
    await socket.dispose();
    const seen = begin.value?.data?.jobUpdated;
    const rest = await follow(c, job.id, seen?.version);
    expectWholeLife([...(seen ? [seen] : []), ...rest].slice(-1), await lookUp(a, job.id));
    expect(rest.every(({ version }) => version > (seen?.version ?? 0))).toBe(true);
  });

  test('start without Redis, loudly, and join when it is there', async () => {
    await own.stop();
    const lines = new PassThrough();
    let logged = '';
    lines.setEncoding('utf8').on('data', (text: string) => {
      logged += text;
    });
    const [a, b, c] = await startThree({}, pino(lines));
    expect(logged.match(/STARTED WITHOUT REDIS/g)).toHaveLength(3);
    expect(await statusOf(a)).toBe('degraded');
    // Seconds late, but nothing is lost.
    const early = await submit(a);
    expect((await follow(b, early.id)).at(-1)?.status).toBe('COMPLETED');

    await own.start();
    for (const url of [a, b, c]) await expect.poll(() => statusOf(url)).toBe('ok');
    const socket = openSocket(b);
    const changes = run(socket, JOBS_UPDATED, {});
    const news = changes.next();
    // Messages on a socket are answered in order, so the subscription is active by then.
    await run(socket, '{ __typename }').next();
    const job = await submit(c);
    expect((await news).value?.data?.jobsUpdated.id).toBe(job.id);
    await socket.dispose();
  });
});

describe.skipIf(postgres === null || redis === null)('a gateway that starts', () => {
  test('takes nothing over that another one is sending', async () => {
    const shared = await withDatabase(postgres ?? '');
    onTestFinished(() => shared.drop());
    const env = { DATABASE_URL: shared.url, REDIS_URL: redis ?? '' };
    const sending = await startGateway({ env });
    onTestFinished(() => sending.stop());
    const gate = sending.sandbox.hold('submit');
    const submitted = submit(sending.url);
    await gate.arrived;
    const starting = await startGateway({ env });
    onTestFinished(() => starting.stop());
    gate.release();
    const { history } = await lookUp(sending.url, (await submitted).id);
    expect(history.map(({ status }) => status).slice(0, 3)).toEqual(['WAITING', 'SUBMITTING', 'QUEUED']);
  });
});

async function statusOf(url: string): Promise<string> {
  return ((await (await fetch(`${url}/readyz`)).json()) as { status: string }).status;
}
