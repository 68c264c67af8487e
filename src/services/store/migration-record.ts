/**
 * Which migrations the tables have had, under a name of our own: `kysely_migration` is what any program on Kysely has.
 *
 * The release before this one keeps its record there. It is copied rather than renamed, so that a gateway which is
 * rolled back finds what it looks for. It is not made where there is none: other programs on Kysely in the database,
 * in whatever schema, would take it for theirs.
 */
import { type Kysely, sql } from 'kysely';
import type { ColumnTypes } from './migrations.js';
import type { Tables } from './tables.js';

/** All that the release before knows; tells our record in `kysely_migration` from somebody else's. */
const FIRST_MIGRATION = '001-jobs';

/** @param db a transaction; the record is begun in it where there is none */
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

/** Looks in the one schema that the transaction sees. */
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
