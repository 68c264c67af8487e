/**
 * What callers attach to their jobs, and an index by which jobs of a reference are listed, status by status.
 *
 * Null where the version before stored the job.
 */
import { type Kysely, type Migration, sql } from 'kysely';
import type { ColumnTypes } from '../migrations.js';

export function labels(types: ColumnTypes): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await db.schema.alterTable('jobs').addColumn('reference', 'text').execute();
      await db.schema.alterTable('jobs').addColumn('metadata', 'text').execute();
      if (types.dialect === 'sqlite') await moveToTheEnd(db);
      await sql`create index jobs_reference on jobs (tenant, reference, status, created_at, sequence) where reference is not null`.execute(
        db,
      );
    },
  };
}

/** SQLite goes through all of a row that stands before what it reads, and a request may be large. */
async function moveToTheEnd(db: Kysely<unknown>): Promise<void> {
  await sql`alter table jobs add column moved text not null default ''`.execute(db);
  await sql`update jobs set moved = request`.execute(db);
  await sql`alter table jobs drop column request`.execute(db);
  await sql`alter table jobs rename column moved to request`.execute(db);
}
