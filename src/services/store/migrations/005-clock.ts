/** When the clock that stored times go by was last read: shows that it was set back, and who is to deal with it. */
import { type Kysely, type Migration, sql } from 'kysely';
import type { ColumnTypes } from '../migrations.js';

export function clock(types: ColumnTypes): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('clock')
        .addColumn('id', 'integer', (c) => c.primaryKey())
        .addColumn('read_at', types.time, (c) => c.notNull())
        .execute();
      await sql`insert into clock (id, read_at) values (1, 0)`.execute(db);
    },
  };
}
