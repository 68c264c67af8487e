/** What the store needs from an open database, where SQLite and PostgreSQL differ. */
import type { Kysely, SelectQueryBuilder } from 'kysely';
import type { WriteOptions } from './commit-queue.js';
import type { ColumnTypes } from './migrations.js';
import type { QueueTable, Tables } from './tables.js';

type LockRows = <T extends keyof Tables, O>(
  query: SelectQueryBuilder<Tables, T, O>,
) => SelectQueryBuilder<Tables, T, O>;

export interface Database {
  readonly db: Kysely<Tables>;
  readonly columnTypes: ColumnTypes;
  /** Whether no other process can open it. */
  readonly exclusive: boolean;
  /**
   * Runs `work`, which may change the tables, in a transaction whose statements may take long. Gateways take turns, and
   * only the schema that has, or will have, the tables is visible.
   */
  migrate<T>(work: (transaction: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** Runs `work` in a transaction; resolves when it is durable. See `CommitQueue.write`. */
  write<T>(work: (transaction: Kysely<Tables>) => Promise<T>, options?: WriteOptions): Promise<T>;
  /** Locks the queue until the end of the transaction, so that leases and limited inserts are serialized. */
  lockQueue(transaction: Kysely<Tables>): Promise<Pick<QueueTable, 'turn' | 'account_hold'>>;
  /** Makes a query in a transaction lock its rows, and skip those that another transaction has locked. */
  skipLocked: LockRows;
  /** Makes a query in a transaction lock its rows, once no other transaction has. */
  waitForLock: LockRows;
  /** Returns whole milliseconds since 1970, by the clock that all users of the database share. */
  now(transaction: Kysely<Tables>): Promise<number>;
  /** Rejects if the database can't answer or can't be written to. */
  ping(): Promise<void>;
  /** Waits for writes in flight, then closes. Safe to call twice. */
  close(): Promise<void>;
}
