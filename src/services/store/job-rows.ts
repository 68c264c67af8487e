/** Single jobs and their history. */
import type { Kysely } from 'kysely';
import type { Change, Job, JobUpdate } from '../jobs/job.js';
import { type Tables, toChangedColumns, toJob, toUpdateRow } from './tables.js';

export async function findJob(
  db: Kysely<Tables>,
  by: 'id' | 'callback_token',
  value: string,
): Promise<Job | null> {
  // PostgreSQL's text can't hold it, and refuses the question.
  if (value.includes('\0')) return null;
  const [row] = await db.selectFrom('jobs').selectAll().where(by, '=', value).execute();
  return row === undefined ? null : toJob(row);
}

export async function versionsOf(db: Kysely<Tables>, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('jobs').select(['id', 'version']).where('id', 'in', ids).execute();
  return new Map(rows.map(({ id, version }) => [id, version]));
}

/** Stores a new job, which has nothing yet but what it was born with; resolves with its `sequence`. */
export async function insertJob(trx: Kysely<Tables>, { job, update }: Change): Promise<number> {
  const { sequence } = await trx
    .insertInto('jobs')
    .values({
      id: job.id,
      tenant: job.tenant,
      status: job.status,
      version: job.version,
      turn: job.turn,
      created_at: job.createdAt,
      updated_at: job.updatedAt,
      callback_token: job.callbackToken,
      attempts: job.attempts,
      deadline_at: job.deadlineAt,
      archive_attempts: job.archiveAttempts,
      request: JSON.stringify(job.request),
    })
    .returning('sequence')
    .executeTakeFirstOrThrow();
  await trx.insertInto('job_updates').values(toUpdateRow(job.id, update)).execute();
  return sequence;
}

/** False when the job has another version by now than the one that was changed. */
export async function saveJob(trx: Kysely<Tables>, { job, update, changes }: Change): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('jobs')
    .set(toChangedColumns(changes))
    .where('id', '=', job.id)
    .where('version', '=', job.version - 1)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await trx.insertInto('job_updates').values(toUpdateRow(job.id, update)).execute();
  return true;
}

export function historyOf(db: Kysely<Tables>, id: string): Promise<JobUpdate[]> {
  return db
    .selectFrom('job_updates')
    .select(['version', 'status', 'at', 'source', 'note'])
    .where('job_id', '=', id)
    .orderBy('version')
    .execute();
}

export async function deleteJob(trx: Kysely<Tables>, id: string): Promise<void> {
  await trx.deleteFrom('job_updates').where('job_id', '=', id).execute();
  await trx.deleteFrom('jobs').where('id', '=', id).execute();
}
