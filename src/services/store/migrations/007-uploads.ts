/** Files that callers send, and which jobs need them. */
import { type Kysely, type Migration, sql } from 'kysely';
import type { ColumnTypes } from '../migrations.js';

export function uploads(types: ColumnTypes): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('uploads')
        .addColumn('sequence', types.autoIncrement, (c) =>
          types.autoIncrement === 'integer' ? c.primaryKey().autoIncrement() : c.primaryKey(),
        )
        .addColumn('id', 'text', (c) => c.notNull().unique())
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull().unique())
        .addColumn('put_token', 'text', (c) => c.notNull().unique())
        .addColumn('created_at', types.time, (c) => c.notNull())
        .addColumn('expires_at', types.time, (c) => c.notNull())
        .addColumn('erase_at', types.time)
        .addColumn('claim', 'text')
        .addColumn('claim_until', types.time)
        .addColumn('bytes', 'integer', (c) => c.notNull())
        .addColumn('sent_sha256', 'text')
        .addColumn('handed_out', 'integer', (c) => c.notNull())
        .addColumn('announced', 'text', (c) => c.notNull())
        .addColumn('kept', 'text')
        .execute();
      await db.schema
        .createTable('job_uploads')
        .addColumn('upload_id', 'text', (c) => c.notNull())
        .addColumn('job_id', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('job_uploads_pk', ['upload_id', 'job_id'])
        .execute();
      await sql`create index uploads_newest on uploads (tenant, created_at, sequence)`.execute(db);
      await sql`create index uploads_sent on uploads (tenant, sent_sha256) where sent_sha256 is not null`.execute(
        db,
      );
      await sql`create index uploads_expiry on uploads (expires_at) where erase_at is null`.execute(db);
      await sql`create index uploads_erase on uploads (erase_at) where erase_at is not null`.execute(db);
      await sql`create index job_uploads_job on job_uploads (job_id)`.execute(db);
    },
  };
}
