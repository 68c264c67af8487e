/**
 * The migrations of the tables, one per file. Never edit a released migration; add another. Each must leave the tables
 * usable by the previous release, so that rolling upgrades and rollbacks work.
 */
import type { Migration } from 'kysely';
import { jobs } from './migrations/001-jobs.js';
import { accountHold } from './migrations/002-account-hold.js';
import { changes } from './migrations/003-changes.js';
import { compatibility } from './migrations/004-compatibility.js';
import { clock } from './migrations/005-clock.js';
import { request } from './migrations/006-request.js';
import { uploads } from './migrations/007-uploads.js';
import { labels } from './migrations/008-labels.js';

/** What differs between the databases; everything else is the same SQL. */
export interface ColumnTypes {
  readonly dialect: 'sqlite' | 'postgres';
  readonly autoIncrement: 'integer' | 'bigserial';
  /** Holds milliseconds since 1970. */
  readonly time: 'integer' | 'bigint';
}

export type Migrations = Readonly<Record<string, Migration>>;

/** Oldest first, one entry per release. The last entry is the next release; add new migrations to it. */
export function releases(types: ColumnTypes): readonly Migrations[] {
  return [
    { '001-jobs': jobs(types) },
    {
      '002-account-hold': accountHold(types),
      '003-changes': changes(types),
      '004-compatibility': compatibility(),
      '005-clock': clock(types),
      '006-request': request(types),
      '007-uploads': uploads(types),
      '008-labels': labels(types),
    },
  ];
}
