/** From which migration on a program can use the tables; a version that was rolled back looks there. */
import { type Kysely, type Migration, sql } from 'kysely';

export function compatibility(): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('compatibility')
        .addColumn('id', 'integer', (c) => c.primaryKey())
        .addColumn('usable_from', 'text', (c) => c.notNull())
        .execute();
      await sql`insert into compatibility (id, usable_from) values (1, '001-jobs')`.execute(db);
    },
  };
}
