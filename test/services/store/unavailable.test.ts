/** A database that cannot answer is distinguished from one that refuses, by the errors of real drivers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { Client, Pool } from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../../src/errors.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import type { Database } from '../../../src/services/store/database.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openPostgres } from '../../../src/services/store/postgres.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import { isUnavailable, tellingUnavailable } from '../../../src/services/store/unavailable.js';
import { until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { historyOf, newJobOf } from '../../support/samples.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../../support/services.js';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.js';

const log = pino({ level: 'silent' });
const url = await postgresUrl();

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

/** The error is STORE_UNAVAILABLE, with this kind of cause. */
function expectUnavailable(error: unknown, cause: object): void {
  expect(error).toBeInstanceOf(GatewayError);
  expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', extensions: { retryAfterSeconds: 2 }, cause });
}

describe.skipIf(url === null)('PostgreSQL', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let store: JobStore;

  beforeEach(async () => {
    database = await withDatabase(url ?? '');
    proxy = await startProxy(database.url);
    store = tellingUnavailable(
      createKyselyJobStore(() => openPostgres(proxy.url, { poolSize: 2, log })),
      log,
    );
    await store.start();
  });
  afterEach(async () => {
    await store.stop();
    await proxy.stop();
    await database.drop();
  });

  /** The same database, without the proxy. */
  async function directly(...statements: readonly string[]): Promise<void> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  /** A session that blocks all other reads of the table until it ends. */
  async function holding(table: string): Promise<Client> {
    const client = new Client({ connectionString: database.url });
    client.on('error', () => {});
    await client.connect();
    await client.query(`begin; lock table ${table} in access exclusive mode`);
    return client;
  }

  /** Applies to new connections, from now on. */
  async function set(setting: string): Promise<void> {
    await directly(`alter database ${new URL(database.url).pathname.slice(1)} set ${setting}`);
    await database.cutConnections();
    await failureOf(store.ping());
  }

  test('that nobody listens for cannot answer reads or writes, and can again', async () => {
    await proxy.become('away');
    await failureOf(store.ping());
    expectUnavailable(await failureOf(store.get('a')), { code: 'ECONNREFUSED' });
    expectUnavailable(await failureOf(store.create(newJobOf('ann'), 10)), { code: 'ECONNREFUSED' });
    await proxy.become('on');
    expect(await store.create(newJobOf('ann'), 10)).toMatchObject({ kind: 'created' });
  });

  test('whose connection breaks under a question cannot answer', async () => {
    proxy.toServer = (bytes) => (bytes.includes('"jobs"') ? 'cut' : 'pass');
    expectUnavailable(await failureOf(store.get('a')), { code: 'ECONNRESET' });
    proxy.toServer = () => 'pass';
    expect(await store.get('a')).toBeNull();
  });

  test('that ends sessions cannot answer', async () => {
    const holder = await holding('jobs');
    const failure = failureOf(store.get('a'));
    await until(async () => {
      const { rowCount } = await holder.query(`
        select from pg_locks join pg_database on pg_database.oid = database
        where not granted and datname = current_database()`);
      return rowCount === 1;
    });
    await holder.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);
    expectUnavailable(await failure, { code: '57P01' });
    await holder.end();
    await expect.poll(() => store.get('a').catch(() => 'not yet')).toBeNull();
  });

  test('that is read-only, as after a failover, cannot take a write, nor is it read from', async () => {
    await set('default_transaction_read_only = on');
    expectUnavailable(await failureOf(store.create(newJobOf('ann'), 10)), { code: '25006' });
    expectUnavailable(await failureOf(store.get('a')), { code: '25006' });
  });

  test('whose rows somebody holds cannot answer in time', async () => {
    await set("lock_timeout = '50ms'");
    const holder = await holding('jobs');
    expectUnavailable(await failureOf(store.get('a')), { code: '55P03' });
    await holder.end();
  });

  test('that refuses what it was asked is no outage', async () => {
    await directly('drop table job_updates');
    const error = await failureOf(historyOf(store, 'a'));
    expect(error).toMatchObject({ code: '42P01' });
    expect(error).not.toBeInstanceOf(GatewayError);
  });

  test('a pool without a free connection cannot answer', async () => {
    const pool = new Pool({ connectionString: database.url, max: 1, connectionTimeoutMillis: 1000 });
    const client = await pool.connect();
    const busy = await failureOf(pool.query('select 1'));
    client.release();
    const slow = await failureOf(pool.query({ text: 'select pg_sleep(5)', query_timeout: 20 } as never));
    await pool.end();
    const ended = await failureOf(pool.query('select 1'));
    expect([busy, slow, ended].map(isUnavailable)).toEqual([true, true, true]);
  });
});

describe('SQLite', () => {
  let dir: string;
  let database: Database;
  let store: JobStore;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'store-'));
    store = tellingUnavailable(
      createKyselyJobStore(async () => {
        database = await openSqlite(join(dir, 'gateway.db'));
        return database;
      }),
      log,
    );
    await store.start();
  });
  afterEach(async () => {
    await store.stop();
    rmSync(dir, { recursive: true });
  });

  const pragma = (text: string) => sql.raw(`pragma ${text}`).execute(database.db);

  test('without room cannot take a write, says so, and goes on when there is room', async () => {
    await pragma('max_page_count = 1');
    const jobs = Array.from({ length: 3 }, () => newJobOf('ann', { callbackToken: 'x'.repeat(100_000) }));
    for (const error of await Promise.all(jobs.map((job) => failureOf(store.create(job, 10))))) {
      expectUnavailable(error, { code: 'SQLITE_FULL' });
    }
    expect(await store.get('a')).toBeNull();
    await pragma('max_page_count = 1000000');
    expect(await store.create(newJobOf('ann'), 10)).toMatchObject({ kind: 'created' });
  });

  test('that may not be written cannot take a write', async () => {
    await pragma('query_only = on');
    expectUnavailable(await failureOf(store.create(newJobOf('ann'), 10)), { code: 'SQLITE_READONLY' });
    await pragma('query_only = off');
  });

  test('that refuses what it was asked is no outage', async () => {
    const job = newJobOf('ann');
    await store.create(job, 10);
    const error = await failureOf(store.create(job, 10));
    expect(error).toMatchObject({ code: expect.stringMatching(/^SQLITE_CONSTRAINT/) });
    expect(error).not.toBeInstanceOf(GatewayError);
  });

  test('that was closed cannot answer', async () => {
    await store.stop();
    expectUnavailable(await failureOf(store.get('a')), {});
  });
});

describe('the codes of a database that cannot answer', () => {
  const coded = (code: string) => Object.assign(new Error('as the driver says'), { code });

  test.each([
    ...['08000', '08006', '08P01', '57014', '57P01', '57P02', '57P03', '53100', '53300', '25006', '40P01'],
    ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENOTFOUND'],
    ...['SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_IOERR_FSYNC', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_CANTOPEN'],
  ])('%s', (code) => {
    expect(isUnavailable(coded(code))).toBe(true);
  });

  test.each(['23505', '42P01', '22021', '25001', 'XX000', 'SQLITE_CONSTRAINT', 'SQLITE_CORRUPT', 'ERR_X'])(
    '%s is none',
    (code) => {
      expect(isUnavailable(coded(code))).toBe(false);
    },
  );

  test('a message counts only where the driver gives no code', () => {
    expect(isUnavailable(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isUnavailable(Object.assign(new Error('Connection terminated'), { code: '23505' }))).toBe(false);
    expect(isUnavailable('Connection terminated')).toBe(false);
  });
});

test('an outage is told in the log once in a while, not once a call', async () => {
  const lines: string[] = [];
  const failing = withMethods({} as JobStore, {
    ping: () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })),
  });
  const store = tellingUnavailable(failing, pino({}, { write: (line: string) => void lines.push(line) }));
  for (let i = 0; i < 100; i += 1) await failureOf(store.ping());
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('refused');
});
