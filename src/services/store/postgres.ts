/**
 * PostgreSQL: many gateways on one database.
 *
 * Transactions are short, at the default isolation (read committed): what must not be done twice is guarded by
 * a row lock (the queue), `SKIP LOCKED` (claims) or a compare-and-set (jobs), never by holding something over a
 * call to somebody else. Writes of one instance that arrive together share a transaction; should two
 * instances lock the same rows in different orders, PostgreSQL ends one of them, and its writes are made again
 * one by one.
 */
import { Kysely, PostgresDialect } from 'kysely';
import { Pool, types } from 'pg';
import type { Logger } from 'pino';
import { CommitQueue } from './commit-queue.js';
import type { Database } from './database.js';
import { only, Statement } from './statement.js';
import type { Tables } from './tables.js';

export interface PostgresSettings {
  /** Connections of this instance. */
  readonly poolSize: number;
  readonly log: Logger;
}

const turnServed = new Statement((db) =>
  db.selectFrom('queue').select('turn').where('id', '=', 1).forUpdate(),
);
/** In one transaction: other instances wait for the rows that it has locked. */
const MOST_WRITES = 32;
const CONNECT_TIMEOUT_MS = 5000;
/** No statement of ours is long; one that hangs must not hold a connection, or a lock, for ever. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** PostgreSQL's type number of `bigint`. */
const INT8 = 20;

export async function openPostgres(url: string, { poolSize, log }: PostgresSettings): Promise<Database> {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
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
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  const commits = new CommitQueue<Kysely<Tables>>(
    { transaction: (work) => db.transaction().execute(work) },
    MOST_WRITES,
  );
  let closed: Promise<void> | null = null;
  return {
    db,
    columnTypes: { autoIncrement: 'bigserial', time: 'bigint' },
    exclusive: false,
    skipLocked: (query) => query.forUpdate().skipLocked(),
    write: (work) => commits.write(work),
    lockQueue: async (trx) => only(await turnServed.rows(trx, {})),
    close: () => {
      closed ??= commits.drained().then(() => db.destroy());
      return closed;
    },
  };
}
