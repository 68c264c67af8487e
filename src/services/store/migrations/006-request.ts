/**
 * The kind of a job in a column of its own, so that a list need not read requests, which may be large.
 *
 * Null where the version before stored the job: see `jobColumns`.
 */
import { type Kysely, type Migration, sql } from 'kysely';
import type { ColumnTypes } from '../migrations.js';

export function request(types: ColumnTypes): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await db.schema.alterTable('jobs').addColumn('kind', 'text').execute();
      if (types.dialect === 'sqlite') await moveToTheEnd(db);
    },
  };
}

/** SQLite goes through all of a row that stands before what it reads. */
async function moveToTheEnd(db: Kysely<unknown>): Promise<void> {
  await sql`alter table jobs add column moved text not null default ''`.execute(db);
  await sql`update jobs set moved = request, kind = json_extract(request, '$.kind')`.execute(db);
  await sql`alter table jobs drop column request`.execute(db);
  await sql`alter table jobs rename column moved to request`.execute(db);
}
