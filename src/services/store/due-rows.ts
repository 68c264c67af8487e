/** Jobs that are due: to be polled, archived, erased, failed, or warned about. */
import { type Kysely, sql } from 'kysely';
import type { Job, JobStatus } from '../jobs/job.js';
import type { Database } from './database.js';
import { jobColumns, type Tables, toJob } from './tables.js';
import { inPlaces } from './value-list.js';

/** Literals instead of parameters, so that SQLite recognizes that the partial index applies. */
export const isOpen = sql<boolean>`finished_at is null`;
export const waits = sql<boolean>`finished_at is null and status = 'WAITING'`;
const isBeingSent = sql<boolean>`finished_at is null and status = 'SUBMITTING'`;

/** The columns that say when something is due; null: never. */
type DueColumn = 'poll_at' | 'archive_at' | 'erase_at';

/** Claims due jobs, each for one caller only: they are not due again before `next`. */
export async function claimDue(
  database: Database,
  column: DueColumn,
  now: number,
  next: number | ((job: Job) => number | null),
  limit: number,
): Promise<readonly Job[]> {
  const due = (db: Kysely<Tables>) =>
    db.selectFrom('jobs').where(column, 'is not', null).where(column, '<=', now).orderBy(column).limit(limit);
  // Usually nothing is due, and a read is enough to find out.
  if ((await due(database.db).select('id').executeTakeFirst()) === undefined) return [];
  return database.write(async (trx) => {
    const jobs = (await database.skipLocked(due(trx).select(jobColumns)).execute()).map(toJob);
    if (typeof next === 'number') {
      const ids = jobs.map(({ id }) => id);
      if (ids.length > 0) {
        await trx
          .updateTable('jobs')
          .set({ [column]: next })
          .where('id', 'in', inPlaces(ids))
          .execute();
      }
      return jobs;
    }
    for (const job of jobs) {
      const at = next(job);
      await trx
        .updateTable('jobs')
        .set({ [column]: at === null ? null : Math.round(at) })
        .where('id', '=', job.id)
        .execute();
    }
    return jobs;
  });
}

/**
 * This is no change of the job: no version, no history. Returns false if nothing is scheduled for it; then nothing is
 * changed.
 */
export async function moveDue(
  trx: Kysely<Tables>,
  column: DueColumn,
  id: string,
  changes: { readonly [column: string]: number | null },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('jobs')
    .set(changes)
    .where('id', '=', id)
    .where(column, 'is not', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export async function pastDeadline(
  db: Kysely<Tables>,
  statuses: readonly JobStatus[],
  now: number,
  limit: number,
): Promise<readonly Job[]> {
  const rows = await db
    .selectFrom('jobs')
    .select(jobColumns)
    .where(isOpen)
    .where('deadline_at', '<=', now)
    // Written so that no index on the status is used: few jobs are late, but many may have these statuses.
    .where(sql<JobStatus>`status || ''`, 'in', inPlaces(statuses))
    .orderBy('deadline_at')
    .limit(limit)
    .execute();
  return rows.map(toJob);
}

export async function beingSentSince(
  db: Kysely<Tables>,
  before: number,
  limit: number,
): Promise<readonly Job[]> {
  const rows = await db
    .selectFrom('jobs')
    .select(jobColumns)
    .where(isBeingSent)
    .where('sent_at', '<=', before)
    .limit(limit)
    .execute();
  return rows.map(toJob);
}

export async function finishedBefore(
  db: Kysely<Tables>,
  before: number,
  limit: number,
): Promise<readonly Job[]> {
  const rows = await db
    .selectFrom('jobs')
    .select(jobColumns)
    .where('finished_at', 'is not', null)
    .where('finished_at', '<=', before)
    .where('erase_at', 'is', null)
    .orderBy('finished_at')
    .limit(limit)
    .execute();
  return rows.map(toJob);
}

export async function resultsExpiring(
  db: Kysely<Tables>,
  after: number,
  before: number,
): Promise<{ readonly count: number; readonly ids: readonly string[] }> {
  const expiring = db
    .selectFrom('jobs')
    .where('expires_at', 'is not', null)
    .where('expires_at', '>', after)
    .where('expires_at', '<=', before)
    .where('erase_at', 'is', null);
  const { n } = await expiring.select((eb) => eb.fn.countAll<number>().as('n')).executeTakeFirstOrThrow();
  const rows = await expiring.select('id').orderBy('expires_at').limit(10).execute();
  return { count: Number(n), ids: rows.map(({ id }) => id) };
}
