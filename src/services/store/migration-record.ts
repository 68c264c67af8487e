/**
 * Records which migrations have run, in a table of our own: any program built on Kysely has `kysely_migration`.
 *
 * The previous release keeps its record there. It is copied rather than renamed, so that a gateway that is rolled back
 * still finds it. It is not created if missing: other programs on Kysely in the same database, in any schema, would
 * take it for theirs.
 */
import { type Kysely, sql } from 'kysely';
import type { ColumnTypes } from './migrations.js';
import type { Tables } from './tables.js';

/** The only migration of the previous release; distinguishes our `kysely_migration` from another program's. */
const FIRST_MIGRATION = '001-jobs';

/** @param db a transaction, in which the record is created if it is missing */
export async function recordedMigrations(
  db: Kysely<Tables>,
  dialect: ColumnTypes['dialect'],
): Promise<readonly string[]> {
  if (!(await hasTable(db, dialect, 'face_swap_migrations'))) {
    await db.schema
      .createTable('face_swap_migrations')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('at', 'text', (c) => c.notNull())
      .execute();
    if (await hasTable(db, dialect, 'kysely_migration')) await copyRecordOfTheReleaseBefore(db);
  }
  const rows = await db.selectFrom('face_swap_migrations').select('name').orderBy('name').execute();
  return rows.map(({ name }) => name);
}

export async function recordMigration(db: Kysely<Tables>, name: string): Promise<void> {
  await db.insertInto('face_swap_migrations').values({ name, at: new Date().toISOString() }).execute();
}

async function copyRecordOfTheReleaseBefore(db: Kysely<Tables>): Promise<void> {
  const record = await db.selectFrom('kysely_migration').select(['name', 'timestamp as at']).execute();
  if (!record.some(({ name }) => name === FIRST_MIGRATION)) return;
  await db.insertInto('face_swap_migrations').values(record).execute();
}

/** Checks only the schema that the transaction sees. */
async function hasTable(
  db: Kysely<Tables>,
  dialect: ColumnTypes['dialect'],
  name: keyof Tables,
): Promise<boolean> {
  const { rows } =
    dialect === 'postgres'
      ? await sql`select 1 where to_regclass(${name}) is not null`.execute(db)
      : await sql`select 1 from sqlite_master where name = ${name}`.execute(db);
  return rows.length > 0;
}
