/**
 * Connections to PostgreSQL. Every wait is limited. A connection that failed to answer is not used again, because its
 * next answer may belong to an earlier query; neither is one to a server that is no longer the primary. After a
 * failover the address may lead elsewhere, so connections have a limited life, and new ones resolve the address again.
 *
 * Nothing is set per session, because PgBouncer refuses that when connecting, and loses it between transactions.
 */
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import { type ClientBase, DatabaseError, Pool, type PoolClient, type QueryConfig, types } from 'pg';
import type { Logger } from 'pino';
import type { Tables } from './tables.js';
import { codeOf } from './unavailable.js';

export interface PoolSettings {
  /** The maximum number of connections of this instance. */
  readonly poolSize: number;
  /** Opens a connection whose statements may take long. */
  readonly patience?: Patience;
  readonly log: Logger;
}

export interface Patience {
  /** The time limit of the next statement, in milliseconds. */
  readonly answerTimeoutMs: number;
  /** Destroys the connections in use, which ends their queries. */
  readonly signal: AbortSignal;
}

/** How long to wait for a connection. */
const CONNECT_TIMEOUT_MS = 3000;
/** Only statements of migrations may take longer. */
export const ANSWER_TIMEOUT_MS = 5000;
/** How long a connection may be idle before TCP keep-alive probes it. */
const KEEP_ALIVE_MS = 5000;
/** The maximum life of a connection, in seconds. */
const CONNECTION_LIFE_S = 60;
/** PostgreSQL's code for a write to a read-only server (its manual, appendix A). */
const READ_ONLY = '25006';
/** PostgreSQL's type number of `bigint`. */
const INT8 = 20;

export function openPostgresDb(url: string, settings: PoolSettings): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: openPool(url, settings) }) });
}

function openPool(url: string, { poolSize, patience, log }: PoolSettings): PostgresPool {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    maxLifetimeSeconds: CONNECTION_LIFE_S,
    onConnect: mustBeWritable,
    application_name: 'face-swap-gateway',
    // Times and counts are far below 2^53.
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
    },
  });
  // A broken connection also emits an `error` event, which would end the process without a listener. Its query is
  // rejected, and the pool opens another connection when needed.
  pool.on('connect', (connection) => {
    connection.on('error', () => {});
  });
  pool.on('error', (error) => log.warn({ err: error }, 'a database connection was lost'));
  return {
    connect: async () => lend(await pool.connect(), log, patience),
    end: () => pool.end(),
  };
}

/** A connection while it is in use. */
function lend(client: PoolClient, log: Logger, patience?: Patience): PostgresPoolClient {
  let fault: Error | undefined;
  const end = (): void => void client.end();
  patience?.signal.addEventListener('abort', end);
  const query = async (sql: string, parameters: readonly unknown[]): Promise<unknown> => {
    if (fault !== undefined) throw fault;
    try {
      return await client.query(patiently(sql, patience), [...parameters]);
    } catch (error) {
      if (error instanceof Error && !isAnswer(error)) fault = error;
      if (codeOf(error) === READ_ONLY) await endReadOnlySession(client);
      throw error;
    }
  };
  const release = (): void => {
    patience?.signal.removeEventListener('abort', end);
    if (fault !== undefined) log.warn({ err: fault }, 'a broken database connection was discarded');
    client.release(fault);
  };
  return { query: query as PostgresPoolClient['query'], release };
}

/** pg's types lack the timeout of a single statement. */
function patiently(text: string, patience?: Patience): QueryConfig & { query_timeout?: number } {
  return { text, ...(patience && { query_timeout: patience.answerTimeoutMs }) };
}

/** Whether the server refused a statement and may accept the next. */
function isAnswer(error: Error): boolean {
  if (!(error instanceof DatabaseError) || error.severity !== 'ERROR') return false;
  const code = codeOf(error);
  return code !== READ_ONLY && !NO_USE.test(code);
}

/** Connection exceptions, and a server that is stopping or starting. */
const NO_USE = /^08|^57P0[1-3]$/;

async function mustBeWritable(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ transaction_read_only: string }>('show transaction_read_only');
  if (rows[0]?.transaction_read_only !== 'on') return;
  await endReadOnlySession(client);
  throw Object.assign(new Error('the database is read-only: a standby, or set so'), { code: READ_ONLY });
}

/**
 * PgBouncer would keep its connection to that server for up to an hour and hand it out again, unless it is closed
 * within a transaction. In transaction mode this statement may run on another server connection than the one that was
 * found to be read-only, so it checks for itself.
 */
async function endReadOnlySession(client: ClientBase): Promise<void> {
  const end = `select pg_terminate_backend(pg_backend_pid()) where current_setting('transaction_read_only') = 'on'`;
  await client.query(end).catch(() => {});
}
