/** Real services that some tests need: their URLs, or that they are not reachable. */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';

const POSTGRES_URL = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const REDIS_URL = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';

/** Returns null with a warning if there is none; throws in CI, where there must be one. */
export async function postgresUrl(): Promise<string | null> {
  const client = new Client({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 15_000 });
  try {
    await client.connect();
    await client.end();
    return POSTGRES_URL;
  } catch (error) {
    return missing('PostgreSQL', POSTGRES_URL, error);
  }
}

export async function redisUrl(): Promise<string | null> {
  const redis = new Redis(REDIS_URL, {
    lazyConnect: true,
    connectTimeout: 15_000,
    retryStrategy: () => null,
  });
  redis.on('error', () => {});
  try {
    await redis.connect();
    await redis.ping();
    return REDIS_URL;
  } catch (error) {
    return missing('Redis', REDIS_URL, error);
  } finally {
    redis.disconnect();
  }
}

function missing(name: string, url: string, error: unknown): null {
  const message = `${name} is not reachable at ${url}: its tests are skipped`;
  if (process.env['CI']) throw new Error(message, { cause: error });
  process.stderr.write(`${message}\n`);
  return null;
}

export interface TestDatabase {
  readonly url: string;
  /** Ends every connection to it from outside. */
  cutConnections(): Promise<void>;
  /** Whether new connections are read-only; existing ones are not affected. */
  setReadOnly(isReadOnly: boolean): Promise<void>;
  /** Empties it; faster than creating another one. */
  empty(): Promise<void>;
  /** Leaves the gateway's tables as they were after its first start; even faster. */
  clear(): Promise<void>;
  drop(): Promise<void>;
}

/** A first start leaves rows in only these four tables. */
const CLEAR = `
  do $$ declare name text; begin
    for name in select tablename from pg_tables where schemaname = 'public'
      and tablename not in ('queue', 'clock', 'compatibility', 'face_swap_migrations')
    loop execute format('delete from %I', name); end loop;
  end $$;
  update queue set turn = 0, account_hold = null;
  update clock set read_at = 0`;

/** A new, empty database. */
export async function withDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `gateway_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const askAt = async (connectionString: string, ...statements: readonly string[]): Promise<void> => {
    const client = new Client({ connectionString });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  };
  const ask = (statement: string) => askAt(serverUrl, statement);
  await ask(`create database ${name}`);
  return {
    url: url.href,
    cutConnections: () =>
      ask(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`),
    setReadOnly: (isReadOnly) =>
      ask(`alter database ${name} set default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`),
    empty: () => askAt(url.href, 'drop schema public cascade', 'create schema public'),
    clear: () => askAt(url.href, CLEAR),
    drop: () => ask(`drop database ${name} with (force)`),
  };
}
