/**
 * PostgreSQL: many gateways on one database.
 *
 * Every write is a short transaction of its own, at the default isolation (read committed): what must not be
 * done twice is guarded by a row lock (the queue), `SKIP LOCKED` (claims) or a compare-and-set (jobs), never
 * by holding something over a call to somebody else.
 */
import { Kysely, PostgresDialect } from 'kysely';
import { Pool, types } from 'pg';
import type { Logger } from 'pino';
import type { Database } from './kysely-job-store.js';
import type { Tables } from './tables.js';

export interface PostgresSettings {
  /** Connections of this instance. */
  readonly poolSize: number;
  readonly log: Logger;
}

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
  // A connection that breaks while nobody uses it: the pool makes another when one is needed.
  pool.on('error', (error) => log.warn({ err: error }, 'a database connection was lost'));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  let closed: Promise<void> | null = null;
  return {
    db,
    columnTypes: { autoIncrement: 'bigserial', time: 'bigint' },
    exclusive: false,
    canSkipLocked: true,
    write: (work) => db.transaction().execute(work),
    lockQueue: (trx) =>
      trx.selectFrom('queue').select('turn').where('id', '=', 1).forUpdate().executeTakeFirstOrThrow(),
    close: () => {
      closed ??= db.destroy();
      return closed;
    },
  };
}
