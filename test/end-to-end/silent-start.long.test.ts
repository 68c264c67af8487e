/** Starts on a PostgreSQL that hangs, or that is merely busy with another gateway's migration. */
import { Client } from 'pg';
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { MIGRATION_LOCK } from '../../src/services/store/postgres-migration.js';
import { build, cleanUp, type GatewayProcess, newFolder, startProcess } from '../support/gateway-process.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../support/services.js';
import { type Passage, startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const postgres = await postgresUrl();

describe.skipIf(postgres === null)('a start on PostgreSQL', { timeout: 60_000 }, () => {
  beforeAll(build, 60_000);
  afterEach(cleanUp);

  async function emptyDatabase(): Promise<TestDatabase> {
    const database = await withDatabase(postgres ?? '');
    onTestFinished(() => database.drop());
    return database;
  }

  /** A start on an empty database, through a proxy that goes silent when this is sent. */
  async function start(asked: string, silence: (proxy: TcpProxy) => Passage): Promise<GatewayProcess> {
    const database = await emptyDatabase();
    const proxy = await startProxy(database.url);
    onTestFinished(() => proxy.stop());
    proxy.toServer = (bytes) => (bytes.includes(asked) ? silence(proxy) : 'pass');
    const gateway = await startProcess(newFolder(), { DATABASE_URL: proxy.url });
    await gateway.ended;
    return gateway;
  }

  const ofOne = (): Passage => 'silence';
  const ofAll = (proxy: TcpProxy): Passage => {
    void proxy.become('silent');
    return 'pass';
  };

  test('ends with one line when that falls silent, wherever it is by then', async () => {
    const gateways = await Promise.all([
      start('show transaction_read_only', ofOne),
      start('pg_advisory_xact_lock', ofOne),
      start('create table "jobs"', ofAll),
    ]);
    for (const gateway of gateways) {
      expect(await gateway.ended).toBe(1);
      expect(gateway.stderr()).toMatch(
        /^PostgreSQL can't be used as the database: it does not answer; see DATABASE_URL\n$/,
      );
    }
  });

  test('waits for another gateway that changes the tables, as long as the server answers', async () => {
    const database = await emptyDatabase();
    const other = new Client({ connectionString: database.url });
    await other.connect();
    onTestFinished(() => other.end());
    await other.query(`select pg_advisory_lock(${MIGRATION_LOCK})`);
    const gateway = startProcess(newFolder(), { DATABASE_URL: database.url });
    const turns = new Set<string>();
    await expect
      .poll(async () => {
        const { rows } = await other.query<{ since: string }>(`
          select xact_start::text as since from pg_stat_activity
          where datname = current_database() and wait_event = 'advisory'`);
        for (const { since } of rows) turns.add(since);
        return turns.size;
      })
      .toBe(2);
    await other.query(`select pg_advisory_unlock(${MIGRATION_LOCK})`);
    expect((await gateway).url).not.toBe('');
  });
});
