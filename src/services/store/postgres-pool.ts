/**
 * Connections to PostgreSQL. None is waited for without end. None is used again that failed to answer, since what it
 * says next may be the answer to somebody else's question; nor one that leads to a server which is no primary (any
 * more). After a failover the address may lead elsewhere, so each lives for a limited time, and looks it up anew.
 *
 * Nothing is set in a session, because PgBouncer refuses that when connecting, and forgets it between transactions.
 */
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import { type ClientBase, DatabaseError, Pool, type PoolClient, type QueryConfig, types } from 'pg';
import type { Logger } from 'pino';
import type { Tables } from './tables.js';
import { codeOf } from './unavailable.js';

export interface PoolSettings {
  /** Connections of this instance. */
  readonly poolSize: number;
  /** For a connection whose statements may take long. */
  readonly patience?: Patience;
  readonly log: Logger;
}

export interface Patience {
  /** For the answer to the next statement, in milliseconds. */
  readonly answerTimeoutMs: number;
  /** Ends the connections that are lent, and what they wait for. */
  readonly signal: AbortSignal;
}

/** For a connection to be made, or for one of the pool to be free. */
const CONNECT_TIMEOUT_MS = 3000;
/** Other statements than those of a migration are never long. */
export const ANSWER_TIMEOUT_MS = 5000;
/** Of silence, before the system asks whether the other side is there. */
const KEEP_ALIVE_MS = 5000;
/** Of a connection, in seconds. */
const CONNECTION_LIFE_S = 60;
/** What PostgreSQL answers to a write where nothing can be written (its manual, appendix A). */
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
  // A connection that breaks also says so itself: unheard, that would end the process. Its query is rejected, and
  // the pool makes another connection when one is needed.
  pool.on('connect', (connection) => {
    connection.on('error', () => {});
  });
  pool.on('error', (error) => log.warn({ err: error }, 'a database connection was lost'));
  return {
    connect: async () => lend(await pool.connect(), log, patience),
    end: () => pool.end(),
  };
}

/** A connection, for as long as somebody has it. */
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
    if (fault !== undefined) log.warn({ err: fault }, 'a database connection is not used again');
    client.release(fault);
  };
  return { query: query as PostgresPoolClient['query'], release };
}

/** pg's types lack the time-out of one statement. */
function patiently(text: string, patience?: Patience): QueryConfig & { query_timeout?: number } {
  return { text, ...(patience && { query_timeout: patience.answerTimeoutMs }) };
}

/** The server refused one statement, and may well take the next. */
function isAnswer(error: Error): boolean {
  if (!(error instanceof DatabaseError) || error.severity !== 'ERROR') return false;
  const code = codeOf(error);
  return code !== READ_ONLY && !NO_USE.test(code);
}

/** Connection exceptions, and a server that stops or starts. */
const NO_USE = /^08|^57P0[1-3]$/;

async function mustBeWritable(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ transaction_read_only: string }>('show transaction_read_only');
  if (rows[0]?.transaction_read_only !== 'on') return;
  await endReadOnlySession(client);
  throw Object.assign(new Error('the database is read-only: a standby, or set so'), { code: READ_ONLY });
}

/**
 * PgBouncer would keep its connection to that server for up to an hour, and hand it out again; it does so with those
 * alone that are not in a transaction. In transaction mode it may give this statement another connection than the one
 * that was found out, so the statement looks for itself.
 */
async function endReadOnlySession(client: ClientBase): Promise<void> {
  const end = `select pg_terminate_backend(pg_backend_pid()) where current_setting('transaction_read_only') = 'on'`;
  await client.query(end).catch(() => {});
}
