/** An open database, as the store needs it: what differs between SQLite and PostgreSQL, and nothing else. */
import type { Kysely, SelectQueryBuilder } from 'kysely';
import type { WriteOptions } from './commit-queue.js';
import type { ColumnTypes } from './migrations.js';
import type { QueueTable, Tables } from './tables.js';

export interface Database {
  readonly db: Kysely<Tables>;
  readonly columnTypes: ColumnTypes;
  /** No other process has it open. */
  readonly exclusive: boolean;
  /**
   * Runs `work`, which may change the tables, in a transaction whose statements may take long: one gateway after
   * another, and where the tables are or shall be, with no other schema in view.
   */
  migrate<T>(work: (transaction: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** Runs `work` in a transaction, see `CommitQueue.write`; resolves when it is durable. */
  write<T>(work: (transaction: Kysely<Tables>) => Promise<T>, options?: WriteOptions): Promise<T>;
  /** Held until the end of the transaction, so that leases and bounded inserts happen one after another. */
  lockQueue(transaction: Kysely<Tables>): Promise<Pick<QueueTable, 'turn' | 'account_hold'>>;
  /** Locks the rows that a query in a transaction gives, and passes over those that another one has locked. */
  skipLocked: <O>(query: SelectQueryBuilder<Tables, 'jobs', O>) => SelectQueryBuilder<Tables, 'jobs', O>;
  /** Whole milliseconds since 1970, by the clock that all who share the database go by. */
  now(transaction: Kysely<Tables>): Promise<number>;
  /** Rejects when it cannot answer, or cannot be written to. */
  ping(): Promise<void>;
  /** Lets writes in flight end, then closes. Safe to call twice. */
  close(): Promise<void>;
}
