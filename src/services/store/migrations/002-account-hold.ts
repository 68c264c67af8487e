/** What Akool holds against the account, and what of a job tells whether it is too dear for the balance. */
import { type Kysely, type Migration, sql } from 'kysely';
import type { ColumnTypes } from '../migrations.js';

export function accountHold(types: ColumnTypes): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await db.schema.alterTable('queue').addColumn('account_hold', 'text').execute();
      await db.schema.alterTable('jobs').addColumn('pictures', 'integer').execute();
      await db.schema.alterTable('jobs').addColumn('announced_hold', types.time).execute();
      await db.schema.alterTable('jobs').addColumn('credit_refused', 'double precision').execute();
      await sql`create index jobs_credit on jobs (credit_refused) where credit_refused is not null and finished_at is null`.execute(
        db,
      );
    },
  };
}
