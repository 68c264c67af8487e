/**
 * The embedded database: one file, one process, nothing to install.
 *
 * WAL with `synchronous=FULL`: a commit is on disk before it is reported. The file is held exclusively, so a
 * second gateway on the same file refuses to start instead of sending jobs twice.
 */
import { accessSync, chmodSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely, type SqliteDatabase, SqliteDialect } from 'kysely';
import Libsql from 'libsql';
import { LRUCache } from 'lru-cache';
import { makeFolder } from '../../make-folder.js';
import { CommitQueue } from './commit-queue.js';
import type { Database } from './database.js';
import { DatabaseInUseError } from './database-errors.js';
import { only, Statement } from './statement.js';
import type { Tables } from './tables.js';

const queueRow = new Statement((db) =>
  db.selectFrom('queue').select(['turn', 'account_hold']).where('id', '=', 1),
);
const anything = new Statement((db) => db.selectFrom('queue').select('id'));
/** The permissions of everybody else. */
const OTHERS = 0o007;
/** The maximum number of writes per transaction, because readers wait for its end. */
const MAX_WRITES = 256;
/** The limit for all prepared statements: enough for every text, unless one grows with its values. */
const MAX_PREPARED_BYTES = 32 * 1024 * 1024;
/** The memory of a prepared statement per character of its text; 56 to 70 bytes were measured. */
const PREPARED_BYTES_PER_CHARACTER = 80;

export async function openSqlite(file: string): Promise<Database> {
  if (file !== ':memory:') {
    makeFolder(dirname(file));
    // SQLite's own errors say neither what is missing nor where.
    accessSync(dirname(file), constants.W_OK);
    makePrivate(file);
  }
  const native = new Libsql(file);
  try {
    // The order matters: exclusive before WAL keeps the WAL index in memory, and the write below takes the lock.
    native.pragma('locking_mode = EXCLUSIVE');
    native.pragma('journal_mode = WAL');
    native.pragma('synchronous = FULL');
    native.exec('begin immediate; commit');
  } catch (error) {
    native.close();
    throw isBusy(error) ? new DatabaseInUseError(file, error) : error;
  }
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: withPreparedOnce(native) }) });
  const commits = new CommitQueue<Kysely<Tables>>(
    { transaction: (work) => db.transaction().execute(work), mayPass: () => false },
    { mostWrites: MAX_WRITES, timeoutMs: null },
  );
  let closed: Promise<void> | null = null;
  return {
    db,
    columnTypes: { dialect: 'sqlite', autoIncrement: 'integer', time: 'integer' },
    exclusive: true,
    // No one else can hold a lock.
    skipLocked: (query) => query,
    waitForLock: (query) => query,
    migrate: (work) => db.transaction().execute(work),
    write: (work, options) => commits.write(work, options),
    // One connection, one writer: the transaction itself is the lock.
    lockQueue: async (trx) => only(await queueRow.rows(trx, {})),
    now: async () => Date.now(),
    ping: async () => {
      await anything.rows(db, {});
    },
    close: () => {
      closed ??= commits
        .drained()
        .then(() => release(native))
        .finally(() => db.destroy());
      return closed;
    },
  };
}

/**
 * Creates the file for this user alone, or takes it from those who are neither its owner nor of its group; SQLite gives
 * the files beside it the same mode.
 */
function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  const { mode, uid } = statSync(file);
  // Only the owner may.
  if ((mode & OTHERS) !== 0 && uid === process.getuid?.()) chmodSync(file, mode & ~OTHERS);
}

/**
 * Releases the lock on the file, and leaves only that file. Closing alone does neither: libsql keeps the connection
 * until the last statement prepared on it has been garbage collected.
 */
function release(native: Libsql.Database): void {
  // Leave WAL first: a connection that entered it in exclusive mode can't leave that mode within WAL.
  native.pragma('journal_mode = DELETE');
  native.pragma('locking_mode = NORMAL');
  // The first access in normal mode releases the lock.
  native.pragma('user_version');
}

/** Preparing a short statement costs five times as much as running it, so each text is prepared once. */
function withPreparedOnce(native: Libsql.Database): SqliteDatabase {
  const prepared = new LRUCache<string, ReturnType<SqliteDatabase['prepare']>>({
    maxSize: MAX_PREPARED_BYTES,
    sizeCalculation: (_statement, text) => text.length * PREPARED_BYTES_PER_CHARACTER,
  });
  return {
    prepare: (sql) => {
      // SQLite rolls back by itself when the disk is full; a failing second rollback would hide the cause.
      const text = sql === 'rollback' && !native.inTransaction ? 'select 1' : sql;
      const known = prepared.get(text);
      if (known !== undefined) return known;
      const statement = native.prepare(text) as ReturnType<SqliteDatabase['prepare']>;
      prepared.set(text, statement);
      return statement;
    },
    close: () => {
      prepared.clear();
      native.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}
