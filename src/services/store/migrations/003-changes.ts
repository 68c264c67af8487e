/**
 * Numbers that order changes, and what is left of each commit in case its acknowledgement is lost.
 *
 * Triggers give the numbers, so the changes of an instance of the version before have them too.
 */
import { type Kysely, type Migration, type RawBuilder, sql } from 'kysely';
import type { ColumnTypes } from '../migrations.js';

export function changes(types: ColumnTypes): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('job_changes')
        .addColumn('number', types.autoIncrement, (c) =>
          types.autoIncrement === 'integer' ? c.primaryKey().autoIncrement() : c.primaryKey(),
        )
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('job_id', 'text', (c) => c.notNull())
        .addColumn('at', types.time, (c) => c.notNull())
        .execute();
      await sql`create index job_changes_tenant on job_changes (tenant, number)`.execute(db);
      for (const statement of types.dialect === 'postgres' ? await onPostgres(db) : onSqlite()) {
        await statement.execute(db);
      }
    },
  };
}

/** One connection writes, so numbers are in the order of commits. */
function onSqlite(): readonly RawBuilder<unknown>[] {
  const number = sql`
    begin
      insert into job_changes (tenant, job_id, at)
      values (new.tenant, new.id, cast((julianday('now') - 2440587.5) * 86400000 as integer));
    end`;
  return [
    sql`create trigger job_inserted after insert on jobs ${number}`,
    sql`create trigger job_changed after update of version on jobs ${number}`,
  ];
}

/**
 * Transactions become visible in another order than they take numbers in, and a reader that has seen 7 would never
 * look for 6 again. So numbers are given when a transaction is about to commit, one transaction after another: the
 * lock is the last that it takes, and is held until its changes can be seen.
 */
async function onPostgres(db: Kysely<unknown>): Promise<readonly RawBuilder<unknown>[]> {
  const { rows } = await sql<{ schema: string }>`select current_schema() as schema`.execute(db);
  const table = sql.id(rows[0]?.schema ?? 'public', 'job_changes');
  return [
    sql`
      create function number_job_change() returns trigger language plpgsql as $$
      begin
        perform pg_advisory_xact_lock(tg_relid::integer, 0);
        insert into ${table} (tenant, job_id, at)
        values (new.tenant, new.id, (extract(epoch from clock_timestamp()) * 1000)::bigint);
        return null;
      end $$`,
    sql`
      create constraint trigger job_changed after insert or update of version on jobs
      deferrable initially deferred for each row execute function number_job_change()`,
    sql`
      create table batches (
        writer text primary key,
        number bigint not null,
        at timestamptz not null default now()
      )`,
  ];
}
