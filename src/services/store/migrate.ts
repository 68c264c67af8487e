/**
 * Brings the tables up to date, or checks whether this version can use tables that a newer one has changed.
 *
 * After a rollback, a version finds migrations that it does not know. The version that ran them recorded the last
 * migration of the previous release: a program that knows this migration can use the tables. So going back one release
 * works, and going back further is refused.
 *
 * Kysely's own migrator is not used, because its lock belongs to a session: PgBouncer in transaction mode gives each
 * transaction a different one.
 */
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import type { Database } from './database.js';
import { recordedMigrations, recordMigration } from './migration-record.js';
import { type ColumnTypes, type Migrations, releases } from './migrations.js';
import { checkTables } from './table-check.js';
import type { Tables } from './tables.js';

/** @throws Error that names the migration or table that prevents this version from using the database */
export function migrate(
  { migrate: inTransaction, columnTypes }: Pick<Database, 'migrate' | 'columnTypes'>,
  log?: Logger,
): Promise<void> {
  return inTransaction(async (transaction) => {
    await bringUpToDate(transaction, columnTypes, log);
    await checkTables(transaction);
  });
}

async function bringUpToDate(db: Kysely<Tables>, types: ColumnTypes, log?: Logger): Promise<void> {
  const all = releases(types);
  const known: Migrations = Object.assign({}, ...all);
  const executed = await recordedMigrations(db, types.dialect);
  const unknown = executed.filter((name) => known[name] === undefined);
  if (unknown.length > 0) {
    await mustBeUsable(db, { known: Object.keys(known), executed, unknown });
    log?.warn({ migrations: unknown }, 'a newer version changed the tables; this version can still use them');
    return;
  }
  for (const [name, migration] of Object.entries(known)) {
    if (executed.includes(name)) continue;
    await migration.up(db);
    await recordMigration(db, name);
  }
  const usableFrom = lastOf(Object.assign({}, ...all.slice(0, -1)));
  await db
    .updateTable('compatibility')
    .set({ usable_from: usableFrom })
    .where('usable_from', '!=', usableFrom)
    .execute();
}

async function mustBeUsable(
  db: Kysely<Tables>,
  names: Readonly<Record<'known' | 'executed' | 'unknown', readonly string[]>>,
): Promise<void> {
  const { known, executed, unknown } = names;
  const newest = known.at(-1) ?? '';
  const stranger = unknown.find((name) => name < newest);
  if (stranger !== undefined || !known.every((name) => executed.includes(name))) {
    throw new Error(
      `its tables were changed by ${stranger ?? unknown[0]}, which is not a migration of this gateway`,
    );
  }
  const { usable_from: usableFrom } = await db
    .selectFrom('compatibility')
    .select('usable_from')
    .executeTakeFirstOrThrow();
  if (known.includes(usableFrom)) return;
  throw new Error(
    `its tables were changed by ${unknown.at(-1)}, which is more than one release newer; start a version that knows ${usableFrom}, or restore the backup`,
  );
}

function lastOf(migrations: Migrations): string {
  return Object.keys(migrations).at(-1) ?? '';
}
