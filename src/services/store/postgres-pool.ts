/**
 * Connections to PostgreSQL, of which none is waited for without end, and none is used again that failed
 * to answer: what it says next may be the answer to somebody else's question.
 */
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { DatabaseError, Pool, type PoolClient, types } from 'pg';
import type { Logger } from 'pino';

export interface PoolSettings {
  /** Connections of this instance. */
  readonly poolSize: number;
  /** For an answer, in milliseconds. */
  readonly answerTimeoutMs?: number;
  readonly log: Logger;
}

/** For a connection to be made, or for one of the pool to be free. */
const CONNECT_TIMEOUT_MS = 3000;
/** No statement of ours is long. */
const ANSWER_TIMEOUT_MS = 5000;
/** Of silence, before the system asks whether the other side is there. */
const KEEP_ALIVE_MS = 5000;
/** PostgreSQL's type number of `bigint`. */
const INT8 = 20;

export function openPool(url: string, { poolSize, answerTimeoutMs, log }: PoolSettings): PostgresPool {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    application_name: 'face-swap-gateway',
    // Times and counts are far below 2^53.
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
    },
  });
  // A connection that breaks also says so itself, whether somebody uses it or not: unheard, that would end the
  // process. Its query is rejected, and the pool makes another connection when one is needed.
  pool.on('connect', (connection) => {
    connection.on('error', (error) => log.warn({ err: error }, 'a database connection was lost'));
  });
  pool.on('error', () => {});
  return {
    connect: async () => lend(await pool.connect()),
    end: () => pool.end(),
  };
}

/** A connection, for as long as somebody has it. */
function lend(client: PoolClient): PostgresPoolClient {
  let fault: Error | undefined;
  const query = async (sql: string, parameters: readonly unknown[]): Promise<unknown> => {
    if (fault !== undefined) throw fault;
    try {
      return await client.query(sql, [...parameters]);
    } catch (error) {
      if (error instanceof Error && !isAnswer(error)) fault = error;
      throw error;
    }
  };
  return { query: query as PostgresPoolClient['query'], release: () => client.release(fault) };
}

/** The server refused one statement, and goes on with the next. */
function isAnswer(error: Error): boolean {
  return error instanceof DatabaseError && error.severity === 'ERROR';
}
