/**
 * PostgreSQL: many gateways on one database.
 *
 * Transactions are short and use the default isolation (read committed). What must not be done twice is protected by a
 * row lock (the queue), `SKIP LOCKED` (claims) or compare-and-set (jobs); no lock is held during external calls.
 * Simultaneous writes of an instance share a transaction. If two instances lock the same rows in different orders,
 * PostgreSQL ends one of the transactions, and its writes are repeated one by one.
 */
import { type Kysely, sql } from 'kysely';
import { inTime } from '../../in-time.js';
import { CommitQueue } from './commit-queue.js';
import type { Database } from './database.js';
import { migrateAlone } from './postgres-migration.js';
import { openPostgresDb, type PoolSettings } from './postgres-pool.js';
import { PostgresTransactions } from './postgres-transactions.js';
import { only, Statement } from './statement.js';
import type { Tables } from './tables.js';

const queueRow = new Statement((db) =>
  db.selectFrom('queue').select(['turn', 'account_hold']).where('id', '=', 1).forUpdate(),
);
/** The server's current time, not that of the transaction's beginning. */
const serverTime = new Statement((db) =>
  db.selectNoFrom(sql<number>`floor(extract(epoch from clock_timestamp()) * 1000)::float8`.as('now')),
);
/** Fails on a read-only server, although it locks no row. */
const nothingToWrite = new Statement((db) =>
  db.selectFrom('batches').select('number').where('writer', '=', '').forUpdate(),
);
/** The maximum number of writes per transaction, because other instances wait for its locks. */
const MAX_WRITES = 32;
/** The time limit of a write. */
const WRITE_TIMEOUT_MS = 9000;
/** How long closing waits for writes in flight, and for connections to end. */
const CLOSE_TIMEOUT_MS = 3000;

export async function openPostgres(url: string, settings: PoolSettings): Promise<Database> {
  const db = openPostgresDb(url, settings);
  const transactions = new PostgresTransactions(db, settings.log);
  const commits = new CommitQueue<Kysely<Tables>>(transactions, {
    mostWrites: MAX_WRITES,
    timeoutMs: WRITE_TIMEOUT_MS,
  });
  let closed: Promise<void> | null = null;
  return {
    db,
    columnTypes: { dialect: 'postgres', autoIncrement: 'bigserial', time: 'bigint' },
    exclusive: false,
    skipLocked: (query) => query.forUpdate().skipLocked(),
    waitForLock: (query) => query.forUpdate(),
    migrate: (work) => migrateAlone(url, { settings, db }, work),
    write: (work, options) => commits.write(work, options),
    lockQueue: async (trx) => only(await queueRow.rows(trx, {})),
    now: async (trx) => only(await serverTime.rows(trx, {})).now,
    ping: async () => {
      await nothingToWrite.rows(db, {});
    },
    close: () => {
      closed ??= close();
      return closed;
    },
  };

  /** Abandons a database that does not answer; otherwise each call would wait for its own time limit. */
  async function close(): Promise<void> {
    await inTime(end(), CLOSE_TIMEOUT_MS, undefined);
    transactions.giveUp();
  }

  async function end(): Promise<void> {
    await commits.drained();
    await transactions.forget().catch(() => {});
    await db.destroy();
  }
}
