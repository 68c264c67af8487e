/**
 * PostgreSQL: many gateways on one database.
 *
 * Transactions are short, at the default isolation (read committed): what must not be done twice is guarded by
 * a row lock (the queue), `SKIP LOCKED` (claims) or a compare-and-set (jobs), never by holding something over a
 * call to somebody else. Writes of one instance that arrive together share a transaction; should two
 * instances lock the same rows in different orders, PostgreSQL ends one of them, and its writes are made again
 * one by one.
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
/** Of the server, not of the transaction's begin. */
const serverTime = new Statement((db) =>
  db.selectNoFrom(sql<number>`floor(extract(epoch from clock_timestamp()) * 1000)::float8`.as('now')),
);
/** Refused where nothing can be written, though it locks no row. */
const nothingToWrite = new Statement((db) =>
  db.selectFrom('batches').select('number').where('writer', '=', '').forUpdate(),
);
/** In one transaction: other instances wait for the rows that it has locked. */
const MOST_WRITES = 32;
/** Whoever asked for a write has an answer by then. */
const WRITE_TIMEOUT_MS = 9000;
/** For what is in flight when it is closed, and for its connections to end. */
const CLOSE_TIMEOUT_MS = 3000;

export async function openPostgres(url: string, settings: PoolSettings): Promise<Database> {
  const db = openPostgresDb(url, settings);
  const transactions = new PostgresTransactions(db, settings.log);
  const commits = new CommitQueue<Kysely<Tables>>(transactions, {
    mostWrites: MOST_WRITES,
    timeoutMs: WRITE_TIMEOUT_MS,
  });
  let closed: Promise<void> | null = null;
  return {
    db,
    columnTypes: { dialect: 'postgres', autoIncrement: 'bigserial', time: 'bigint' },
    exclusive: false,
    skipLocked: (query) => query.forUpdate().skipLocked(),
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

  /** A database that does not answer is left: each of its calls would be waited for until its own time is over. */
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
