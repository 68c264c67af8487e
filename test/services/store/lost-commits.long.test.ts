/** Commits whose acknowledgement is lost: what was written is recognised, and is written once. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Job } from '../../../src/services/jobs/job.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import { transition } from '../../../src/services/jobs/transition.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openPostgres } from '../../../src/services/store/postgres.js';
import { tellingUnavailable } from '../../../src/services/store/unavailable.js';
import { HOUR, historyOf, NOON, newJobOf } from '../../support/samples.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../../support/services.js';
import { type Passage, startProxy, type TcpProxy } from '../../support/tcp-proxy.js';

const url = await postgresUrl();
const log = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });

describe.skipIf(url === null)('a commit over PostgreSQL', { timeout: 30_000 }, () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let store: JobStore;

  beforeEach(async () => {
    database = await withDatabase(url ?? '');
    proxy = await startProxy(database.url);
    const opened = createKyselyJobStore(() => openPostgres(proxy.url, { poolSize: 4, log }));
    store = tellingUnavailable(opened, log);
    await store.start();
  });
  afterEach(async () => {
    await store.stop();
    await proxy.stop();
    await database.drop();
  });

  const create = (more = {}) => store.create(newJobOf('ann', more), 100);

  async function created(more = {}): Promise<Job> {
    const made = await create(more);
    if (made.kind !== 'created') throw new Error(`it was to be created, and is ${made.kind}`);
    return made.job;
  }

  const lease = (limit = 10) =>
    store.lease(limit, NOON, (job) => transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + HOUR }));

  async function saved(job: Job): Promise<boolean> {
    const change = transition(job, { type: 'canceled', at: NOON });
    if (change === null) throw new Error('it was to be canceled');
    return store.save(change);
  }

  /** What is stored, asked for directly. */
  async function rows(query: string): Promise<unknown[]> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query(query)).rows;
    } finally {
      await client.end();
    }
  }

  /** Of the next commit; says whether there was one. */
  function lose(what: 'answer' | 'request', how: Passage): () => boolean {
    let isLost = false;
    const side = what === 'answer' ? 'toClient' : 'toServer';
    const wanted = what === 'answer' ? 'COMMIT\0' : 'commit\0';
    proxy[side] = (bytes) => {
      if (isLost || !bytes.includes(wanted)) return 'pass';
      isLost = true;
      return how;
    };
    return () => isLost;
  }

  /** The answer to the next commit, and the server with it; resolves when that is away. */
  function loseServer(): Promise<void> {
    lose('answer', 'cut');
    const hook = proxy.toClient;
    return new Promise((resolve) => {
      proxy.toClient = (bytes, connection) => {
        const passage = hook(bytes, connection);
        if (passage === 'cut') resolve(proxy.become('away'));
        return passage;
      };
    });
  }

  describe('whose answer is swallowed before the connection is cut', () => {
    test('a new job is there once, and its creation is told as if nothing had been', async () => {
      const isLost = lose('answer', 'cut');
      const job = await created();
      expect(isLost()).toBe(true);
      expect(await store.get(job.id)).toEqual(job);
      expect(await rows('select count(*)::int as n from jobs')).toEqual([{ n: 1 }]);
    });

    test('of thirty jobs that were created together each is there once', async () => {
      const isLost = lose('answer', 'cut');
      const jobs = await Promise.all(Array.from({ length: 30 }, () => created()));
      expect(isLost()).toBe(true);
      expect(await rows('select count(*)::int as n from jobs')).toEqual([{ n: 30 }]);
      expect(await Promise.all(jobs.map(({ id }) => store.get(id)))).toEqual(jobs);
    });

    test('a key is new the first time, and known the second', async () => {
      const isLost = lose('answer', 'cut');
      const idempotency = { key: 'once', fingerprint: 'same' };
      const job = await created({ idempotency });
      expect(isLost()).toBe(true);
      expect(await create({ id: randomUUID(), idempotency })).toEqual({ kind: 'duplicate', job });
    });

    test('a lease is not forgotten: its jobs are handed to whoever asked', async () => {
      const jobs = [await created(), await created()];
      const isLost = lose('answer', 'cut');
      const leased = await lease();
      expect(isLost()).toBe(true);
      expect(leased.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
      expect(await store.slots(NOON)).toEqual({ used: 2, waiting: 0 });
    });

    test('a change is told to be made, not to have come too late', async () => {
      const job = await created();
      const isLost = lose('answer', 'cut');
      expect(await saved(job)).toBe(true);
      expect(isLost()).toBe(true);
      expect(await saved(job)).toBe(false);
      expect(await historyOf(store, job.id)).toHaveLength(2);
    });

    test('claims are handed out, and erasures, heartbeats and secrets are made', async () => {
      const job = await created();
      const [leased] = await lease();
      const [accepted] = [
        transition(leased ?? job, {
          type: 'accepted',
          at: NOON,
          pollAt: NOON,
          providerId: 'p',
          providerJobId: null,
        }),
      ];
      if (accepted === null) throw new Error('it was to be accepted');
      await store.save(accepted);

      let isLost = lose('answer', 'cut');
      const claimed = await store.claimPolls(NOON, () => NOON + HOUR, 10);
      expect([claimed.map(({ id }) => id), isLost()]).toEqual([[job.id], true]);

      isLost = lose('answer', 'cut');
      expect([await store.heartbeat('one', NOON, 1000), isLost()]).toEqual([0, true]);

      isLost = lose('answer', 'cut');
      const secret = await store.secret('anything');
      expect([await store.secret('anything'), isLost()]).toEqual([secret, true]);

      isLost = lose('answer', 'cut');
      await store.erase([job.id]);
      expect([await store.get(job.id), isLost()]).toEqual([null, true]);
    });
  });

  test('that never arrives is made again', async () => {
    const isLost = lose('request', 'cut');
    const jobs = await Promise.all(Array.from({ length: 10 }, () => created()));
    expect(isLost()).toBe(true);
    expect(await rows('select count(*)::int as n from jobs')).toEqual([{ n: 10 }]);
    expect(await store.get(jobs[0]?.id ?? '')).toEqual(jobs[0]);
  });

  test('that is still under way is waited for, and found made', async () => {
    await rows(`
      create function dawdle() returns trigger language plpgsql as 'begin perform pg_sleep(1); return null; end';
      create constraint trigger late after insert on idempotency_keys
      deferrable initially deferred for each row execute function dawdle()`);
    let cut: Promise<void> | null = null;
    proxy.toServer = (bytes) => {
      if (bytes.includes('commit\0')) cut ??= sleep(100).then(() => proxy.cut());
      return 'pass';
    };
    const job = await created({ idempotency: { key: 'slow', fingerprint: 'same' } });
    await cut;
    expect(await store.get(job.id)).toEqual(job);
    expect(await rows('select count(*)::int as n from jobs')).toEqual([{ n: 1 }]);
  });

  test('whose answer never comes on a line that stays open is found out in time', async () => {
    const job = await created();
    const isLost = lose('answer', 'silence');
    const begun = performance.now();
    expect(await saved(job)).toBe(true);
    expect(isLost()).toBe(true);
    expect(performance.now() - begun).toBeLessThan(9000);
  });

  test('that is swallowed on a line that stays open is made again, and holds up nobody for long', async () => {
    const isLost = lose('request', 'silence');
    const begun = performance.now();
    await created();
    expect(isLost()).toBe(true);
    expect(performance.now() - begun).toBeLessThan(9000);
    expect(await rows('select count(*)::int as n from jobs')).toEqual([{ n: 1 }]);
  });

  test('whose outcome cannot be found out in time is UNKNOWN, and is made once', async () => {
    const away = loseServer();
    const job = newJobOf('ann');
    await expect(store.create(job, 100)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      extensions: { outcome: 'UNKNOWN' },
    });
    await away;
    await proxy.become('on');
    // The next write waits until it is known what became of the one before.
    await created();
    expect(await rows('select count(*)::int as n from jobs')).toEqual([{ n: 2 }]);
    expect(await store.get(job.id)).toMatchObject({ id: job.id });
  });

  test('of a lease is found out however long it takes, or until nobody waits any more', async () => {
    await created();
    let away = loseServer();
    const stopping = new AbortController();
    const leased = store.lease(
      10,
      NOON,
      (job) => transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + HOUR }),
      { until: stopping.signal },
    );
    const heartbeat = await store.heartbeat('one', NOON, 1000).catch((error: unknown) => error);
    expect(heartbeat).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await away;
    await proxy.become('on');
    expect(await leased).toHaveLength(1);

    await created();
    away = loseServer();
    const other = expect(
      store.lease(10, NOON, (job) => transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + HOUR }), {
        until: stopping.signal,
      }),
    ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await away;
    stopping.abort();
    await other;
    await proxy.become('on');
  });

  test('leaves no trace of a gateway that was stopped, nor of one that has been gone for a day', async () => {
    await created();
    expect(await rows('select number::int from batches')).toEqual([{ number: 1 }]);
    await store.stop();
    expect(await rows('select * from batches')).toEqual([]);
    await rows(`insert into batches values ('gone', 7, now() - interval '2 days'), ('near', 7, now())`);
    await store.start();
    await created();
    expect(await rows(`select writer from batches where number = 7`)).toEqual([{ writer: 'near' }]);
  });
});
