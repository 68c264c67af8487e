/** The first tables: jobs with their history, idempotency keys, the queue, instances and shared secrets. */
import { type Kysely, type Migration, sql } from 'kysely';
import type { ColumnTypes } from '../migrations.js';

export function jobs(types: ColumnTypes): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('jobs')
        .addColumn('sequence', types.autoIncrement, (c) =>
          types.autoIncrement === 'integer' ? c.primaryKey().autoIncrement() : c.primaryKey(),
        )
        .addColumn('id', 'text', (c) => c.notNull().unique())
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('status', 'text', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('turn', types.time, (c) => c.notNull())
        .addColumn('created_at', types.time, (c) => c.notNull())
        .addColumn('updated_at', types.time, (c) => c.notNull())
        .addColumn('finished_at', types.time)
        .addColumn('provider_id', 'text')
        .addColumn('provider_job_id', 'text')
        .addColumn('callback_token', 'text', (c) => c.notNull().unique())
        .addColumn('announced_position', 'integer')
        .addColumn('attempts', 'integer', (c) => c.notNull())
        .addColumn('sent_at', types.time)
        .addColumn('retry_at', types.time)
        .addColumn('slot_free_at', types.time)
        .addColumn('deadline_at', types.time, (c) => c.notNull())
        .addColumn('poll_at', types.time)
        .addColumn('archive_at', types.time)
        .addColumn('archive_attempts', 'integer', (c) => c.notNull())
        .addColumn('erase_at', types.time)
        .addColumn('expires_at', types.time)
        .addColumn('request', 'text', (c) => c.notNull())
        .addColumn('result', 'text')
        .addColumn('error', 'text')
        .execute();
      await db.schema
        .createTable('job_updates')
        .addColumn('job_id', 'text', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('status', 'text', (c) => c.notNull())
        .addColumn('at', types.time, (c) => c.notNull())
        .addColumn('source', 'text', (c) => c.notNull())
        .addColumn('note', 'text')
        .addPrimaryKeyConstraint('job_updates_pk', ['job_id', 'version'])
        .execute();
      await db.schema
        .createTable('idempotency_keys')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('key', 'text', (c) => c.notNull())
        .addColumn('fingerprint', 'text', (c) => c.notNull())
        .addColumn('job_id', 'text', (c) => c.notNull())
        .addColumn('created_at', types.time, (c) => c.notNull())
        .addColumn('forget_at', types.time)
        .addPrimaryKeyConstraint('idempotency_keys_pk', ['tenant', 'key'])
        .execute();
      await db.schema
        .createTable('queue')
        .addColumn('id', 'integer', (c) => c.primaryKey())
        .addColumn('turn', types.time, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('instances')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('seen_at', types.time, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('secrets')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('value', 'text', (c) => c.notNull())
        .execute();
      await sql`insert into queue (id, turn) values (1, 0)`.execute(db);

      // Open jobs are few beside finished ones: what the queue, the slots and the deadlines look at stays small.
      await sql`create index jobs_open on jobs (status, turn, sequence) where finished_at is null`.execute(
        db,
      );
      await sql`create index jobs_deadline on jobs (deadline_at) where finished_at is null`.execute(db);
      await sql`create index jobs_poll on jobs (poll_at) where poll_at is not null`.execute(db);
      await sql`create index jobs_archive on jobs (archive_at) where archive_at is not null`.execute(db);
      await sql`create index jobs_erase on jobs (erase_at) where erase_at is not null`.execute(db);
      await sql`create index jobs_expiry on jobs (expires_at) where expires_at is not null`.execute(db);
      await sql`create index jobs_finished on jobs (finished_at) where finished_at is not null and erase_at is null`.execute(
        db,
      );
      await sql`create index keys_forget on idempotency_keys (forget_at) where forget_at is not null`.execute(
        db,
      );
      await sql`create index keys_job on idempotency_keys (job_id)`.execute(db);
      await sql`create index jobs_turn on jobs (tenant, turn)`.execute(db);
      await sql`create index jobs_changed on jobs (tenant, updated_at)`.execute(db);
      await sql`create index jobs_newest on jobs (tenant, created_at, sequence)`.execute(db);
      await sql`create index jobs_status on jobs (tenant, status, created_at, sequence)`.execute(db);
    },
  };
}
