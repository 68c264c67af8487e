/** Finds tables that this version was not written for, before they are used. */
import { type Kysely, sql } from 'kysely';
import type { Tables } from './tables.js';
import { codeOf } from './unavailable.js';

/** Without the tables that only PostgreSQL or the previous release has. */
type Needed = Omit<Tables, 'batches' | 'kysely_migration'>;

/** Every column by name; the compiler ensures that none is missing. */
const needed: { readonly [Table in keyof Needed]: Readonly<Record<keyof Needed[Table], true>> } = {
  jobs: {
    sequence: true,
    id: true,
    tenant: true,
    status: true,
    version: true,
    turn: true,
    created_at: true,
    updated_at: true,
    finished_at: true,
    provider_id: true,
    provider_job_id: true,
    callback_token: true,
    announced_position: true,
    announced_hold: true,
    credit_refused: true,
    pictures: true,
    kind: true,
    attempts: true,
    sent_at: true,
    retry_at: true,
    slot_free_at: true,
    deadline_at: true,
    poll_at: true,
    archive_at: true,
    archive_attempts: true,
    erase_at: true,
    expires_at: true,
    result: true,
    error: true,
    reference: true,
    metadata: true,
    request: true,
  },
  job_updates: { job_id: true, version: true, status: true, at: true, source: true, note: true },
  idempotency_keys: {
    tenant: true,
    key: true,
    fingerprint: true,
    job_id: true,
    created_at: true,
    forget_at: true,
  },
  queue: { id: true, turn: true, account_hold: true },
  secrets: { name: true, value: true },
  instances: { id: true, seen_at: true },
  compatibility: { id: true, usable_from: true },
  face_swap_migrations: { name: true, at: true },
  job_changes: { number: true, tenant: true, job_id: true, at: true },
  clock: { id: true, read_at: true },
  uploads: {
    sequence: true,
    id: true,
    tenant: true,
    name: true,
    put_token: true,
    created_at: true,
    expires_at: true,
    erase_at: true,
    claim: true,
    claim_until: true,
    bytes: true,
    sent_sha256: true,
    handed_out: true,
    announced: true,
    kept: true,
  },
  job_uploads: { upload_id: true, job_id: true },
};

/** The tables that every database has. */
export const TABLES = Object.keys(needed);

/** No such table or column: SQLSTATE, and the only code that SQLite has for both. */
const MISSING = /^(42P01|42703|SQLITE_ERROR)$/;

/** @throws Error that names what is missing */
export async function checkTables(db: Kysely<Tables>): Promise<void> {
  for (const [table, columns] of Object.entries(needed)) {
    // Qualified, because SQLite takes an unqualified name that is no column for a string.
    const names = Object.keys(columns).map((name) => sql.ref(`${table}.${name}`));
    try {
      await sql`select ${sql.join(names)} from ${sql.table(table)} limit 0`.execute(db);
    } catch (error) {
      if (!(error instanceof Error && MISSING.test(codeOf(error)))) throw error;
      throw new Error(`its table ${table} is not one that this version created or knows: ${error.message}`, {
        cause: error,
      });
    }
  }
}
