/**
 * Numbered changes of jobs. The database assigns numbers in the order of commits, so a reader that has seen all changes
 * up to a number can't miss a lower one. Times would not work, because they say when a change was made, not when it
 * became visible.
 */
import type { Kysely } from 'kysely';
import type { ChangedJob } from '../jobs/job-store.js';
import { only, Statement } from './statement.js';
import { type JobRow, jobColumns, type Tables, toJob } from './tables.js';

/** How long a change is kept. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;
/** The maximum number of changes deleted in one transaction. */
const MAX_FORGOTTEN = 10_000;

const newest = new Statement((db) =>
  db.selectFrom('job_changes').select((eb) => eb.fn.max<number | null>('number').as('number')),
);

export async function lastChange(db: Kysely<Tables>): Promise<number> {
  return only(await newest.rows(db, {})).number ?? 0;
}

export async function jobsChangedSince(
  db: Kysely<Tables>,
  tenant: string,
  after: number,
  limit: number,
): Promise<ChangedJob[]> {
  // One query, so that no state is newer than the numbers tell: those who follow rely on it.
  const rows = await db
    .selectFrom((eb) =>
      eb
        .selectFrom('job_changes')
        .select(({ fn }) => ['job_id', fn.max('number').as('number')])
        .where('tenant', '=', tenant)
        .where('number', '>', after)
        .groupBy('job_id')
        .orderBy('number')
        .limit(limit)
        .as('changed'),
    )
    .leftJoin('jobs', (join) => join.onRef('jobs.id', '=', 'changed.job_id').on('jobs.erase_at', 'is', null))
    .select(['job_id', 'number'])
    .select(jobColumns)
    .orderBy('number')
    .execute();
  return rows.map(({ job_id, number, ...row }) => ({
    number,
    id: job_id,
    job: row.id === null ? null : toJob(row as JobRow),
  }));
}

const oldest = new Statement((db) =>
  db.selectFrom('job_changes').select(['number', 'at']).orderBy('number').limit(1),
);

export async function firstChange(db: Kysely<Tables>): Promise<number> {
  const [first] = await oldest.rows(db, {});
  return first?.number ?? 0;
}

/** Returns the number up to which changes can be deleted; null if there are none. */
export async function changesDue(db: Kysely<Tables>, now: number): Promise<number | null> {
  const [first] = await oldest.rows(db, {});
  return first === undefined || first.at > now - LIFETIME_MS ? null : first.number + MAX_FORGOTTEN;
}

/** Keeps the very last change, because it shows which numbers were assigned. */
export async function forgetChanges(trx: Kysely<Tables>, upTo: number, now: number): Promise<void> {
  await trx
    .deleteFrom('job_changes')
    .where('number', '<', Math.min(upTo, await lastChange(trx)))
    .where('at', '<=', now - LIFETIME_MS)
    .execute();
}
