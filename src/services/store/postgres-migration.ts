/**
 * Runs the migrations on PostgreSQL, in one transaction per start and by one gateway at a time. Only the schema that
 * has, or will have, the tables is visible.
 *
 * The statements of a migration may take long, so meanwhile another connection checks whether the server responds.
 * Everything before them, including the wait for the turn, uses statements with the usual timeout.
 */
import { CompiledQuery, type Kysely, sql } from 'kysely';
import { DatabaseError } from 'pg';
import { ANSWER_TIMEOUT_MS, openPostgresDb, type PoolSettings } from './postgres-pool.js';
import { TABLES } from './table-check.js';
import type { Tables } from './tables.js';
import { codeOf } from './unavailable.js';

/** The timeout of one statement of a migration, and of the wait for other instances' migrations. */
const MIGRATION_TIMEOUT_MS = 600_000;
/** How long a migration may wait for its next statement; its locks keep other gateways from serving. */
const MIGRATION_IDLE_TIMEOUT_MS = 10_000;
/** How long one statement waits for the turn, so that it is answered in time; the wait is then repeated. */
const TURN_MS = 3000;
/** PostgreSQL's code for a lock timeout (its manual, appendix A). */
const LOCK_NOT_AVAILABLE = '55P03';
const ASK_EVERY_MS = 3000;
/** Kysely's own number: gateways of the previous release use its migrator, so they wait for us, and we for them. */
export const MIGRATION_LOCK = '3853314791062309107';
/**
 * Takes the lock first, because the gateway that holds it may be creating the tables. Their schema is the first visible
 * one with our record of migrations, or with that of the previous release and its `jobs`. Any program may have tables
 * with these names, so `jobs` is recognized by a column. Otherwise it is the schema where new tables are created.
 */
const BEGIN_MIGRATION = `
  set local statement_timeout = ${MIGRATION_TIMEOUT_MS};
  set local lock_timeout = ${TURN_MS};
  set local idle_in_transaction_session_timeout = ${MIGRATION_IDLE_TIMEOUT_MS};
  select pg_advisory_xact_lock(${MIGRATION_LOCK});
  set local lock_timeout = 0;
  select set_config('search_path', coalesce(
    (select relnamespace::regnamespace::text from pg_class where oid = to_regclass('face_swap_migrations')),
    (select quote_ident(schema) from unnest(current_schemas(false)) with ordinality as path (schema, place)
      where to_regclass(quote_ident(schema) || '.kysely_migration') is not null
      and exists (select from information_schema.columns
        where table_schema = schema and table_name = 'jobs' and column_name = 'callback_token')
      order by place limit 1),
    quote_ident(current_schema())
  ), true)`;

/** @param db ordinary connections to the same server */
export async function migrateAlone<T>(
  url: string,
  { settings, db }: { readonly settings: PoolSettings; readonly db: Kysely<Tables> },
  work: (transaction: Kysely<Tables>) => Promise<T>,
): Promise<T> {
  const silence = new AbortController();
  const patience = { answerTimeoutMs: ANSWER_TIMEOUT_MS, signal: silence.signal };
  const patient = openPostgresDb(url, { ...settings, poolSize: 1, patience });
  const asking = setInterval(() => {
    mustAnswer(db).catch((error: unknown) => silence.abort(error));
  }, ASK_EVERY_MS);
  const waitUntil = performance.now() + MIGRATION_TIMEOUT_MS;
  try {
    for (;;) {
      try {
        const { value, schema } = await patient.transaction().execute(async (transaction) => {
          await transaction.executeQuery(CompiledQuery.raw(BEGIN_MIGRATION));
          silence.signal.throwIfAborted();
          patience.answerTimeoutMs = MIGRATION_TIMEOUT_MS;
          return { value: await work(transaction), schema: await schemaInView(transaction) };
        });
        await mustBeInView(db, schema);
        return value;
      } catch (error) {
        if (silence.signal.aborted) throw silence.signal.reason;
        if (codeOf(error) !== LOCK_NOT_AVAILABLE || performance.now() > waitUntil) throw error;
      }
    }
  } finally {
    clearInterval(asking);
    await patient.destroy();
  }
}

/** A refusal also shows that the server responds. */
async function mustAnswer(db: Kysely<Tables>): Promise<void> {
  await sql`select 1`.execute(db).catch((error: unknown) => {
    if (!(error instanceof DatabaseError)) throw error;
  });
}

async function schemaInView(transaction: Kysely<Tables>): Promise<string> {
  const { rows } = await sql<{ schema: string }>`select current_schema() as schema`.execute(transaction);
  return rows[0]?.schema ?? '';
}

/** Later queries name no schema, so another program's tables must not hide ours. */
async function mustBeInView(db: Kysely<Tables>, schema: string): Promise<void> {
  const { rows } = await sql<{ hiding: string }>`
    select relnamespace::regnamespace || '.' || relname as hiding from pg_class
    where relnamespace <> quote_ident(${schema})::regnamespace
    and oid in (select to_regclass(name) from unnest(${[...TABLES, 'batches']}::text[]) as name)`.execute(db);
  const [first] = rows;
  if (first === undefined) return;
  throw new Error(`${first.hiding} hides a table of the gateway; put ${schema} first in search_path`);
}
