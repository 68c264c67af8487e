/**
 * The history of the tables, oldest first, one migration a file. A released migration is never edited: add
 * another. Each must leave the tables usable by the version of the program before it, so that upgrades can roll.
 */
import type { MigrationProvider } from 'kysely';
import { jobs } from './migrations/001-jobs.js';

/** What differs between the databases; everything else is the same SQL. */
export interface ColumnTypes {
  readonly autoIncrement: 'integer' | 'bigserial';
  /** Holds milliseconds since 1970. */
  readonly time: 'integer' | 'bigint';
}

export function migrations(types: ColumnTypes): MigrationProvider {
  return {
    getMigrations: async () => ({
      '001-jobs': jobs(types),
    }),
  };
}
