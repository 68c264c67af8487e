/**
 * Numbered changes of jobs. The database assigns numbers in the order of commits, so a reader that has seen all changes
 * up to a number can't miss a lower one. Times would not work, because they say when a change was made, not when it
 * became visible.
 */
import type { Kysely } from 'kysely';
import { type ChangedJob, type ChangePlace, type ChangesRead, FIRST_PLACE } from '../jobs/job-store.js';
import { only, Statement } from './statement.js';
import { type JobRow, jobColumns, type Tables, toJob } from './tables.js';

/** How long a change is kept. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;
/** The maximum number of changes deleted in one transaction. */
const MAX_FORGOTTEN = 10_000;

const oldest = new Statement((db) =>
  db.selectFrom('job_changes').select('number').orderBy('number').limit(1),
);
const newest = new Statement((db) =>
  db
    .selectFrom('job_changes')
    .select(['number', 'at'])
    .where('number', '=', (eb) =>
      eb.selectFrom('job_changes').select(({ fn }) => fn.max('number').as('last')),
    ),
);
const at = new Statement((db, { number }: { number: number }) =>
  db.selectFrom('job_changes').select('at').where('number', '=', number),
);

export async function lastChange(db: Kysely<Tables>): Promise<ChangePlace> {
  const [last = FIRST_PLACE] = await newest.rows(db, {});
  return last;
}

export async function hasChange(db: Kysely<Tables>, place: ChangePlace): Promise<boolean> {
  if (place.number !== FIRST_PLACE.number) return (await at.rows(db, place))[0]?.at === place.at;
  const [first] = await oldest.rows(db, {});
  return place.at === FIRST_PLACE.at && (first === undefined || first.number === 1);
}

/** The numbers of a tenant's next changes, by an index. */
const next = (db: Kysely<Tables>, { tenant, after, limit }: NextValues) =>
  db
    .selectFrom('job_changes')
    .select(['number', 'at', 'job_id'])
    .where('tenant', '=', tenant)
    .where('number', '>', after)
    .orderBy('number')
    .limit(limit);

interface NextValues {
  readonly tenant: string;
  readonly after: number;
  readonly limit: number;
}

const count = new Statement((db, values: NextValues) =>
  db.selectFrom(next(db, values).as('next')).select((eb) => eb.fn.countAll<number>().as('n')),
);

export async function countChanges(db: Kysely<Tables>, values: NextValues): Promise<number> {
  return Number(only(await count.rows(db, values)).n);
}

interface NextJobsValues extends NextValues {
  readonly jobs: number;
}

/** The jobs of a tenant's next changes, each at the last of them, and how many changes there are. */
const nextJobs = new Statement((db, values: NextJobsValues) => {
  const changes = db
    .selectFrom(next(db, values).as('next'))
    .select(['number', 'at', 'job_id'])
    .select(({ fn }) => [
      fn
        .agg<number | null>('lead', ['number'])
        .over((over) => over.partitionBy('job_id').orderBy('number'))
        .as('following'),
      fn.countAll<number>().over().as('changes'),
    ]);
  const last = db
    .selectFrom(changes.as('change'))
    .select(['number', 'at', 'job_id', 'changes'])
    .where('following', 'is', null)
    .orderBy('number')
    .limit(values.jobs);
  return db
    .selectFrom(last.as('last'))
    .leftJoin('jobs', (join) => join.onRef('jobs.id', '=', 'last.job_id').on('jobs.erase_at', 'is', null))
    .select(['job_id', 'last.number', 'last.at', 'changes'])
    .select(jobColumns)
    .orderBy('last.number');
});

export async function readChanges(db: Kysely<Tables>, values: NextJobsValues): Promise<ChangesRead> {
  const rows = await nextJobs.rows(db, values);
  const changes = Number(rows[0]?.changes ?? 0);
  return { changed: rows.map(toChanged), isFull: changes >= values.limit || rows.length >= values.jobs };
}

type NextRow = Awaited<ReturnType<typeof nextJobs.rows>>[number];

function toChanged({ job_id: id, number, at: storedAt, changes: _, ...row }: NextRow): ChangedJob {
  return { place: { number, at: storedAt }, id, job: row.id === null ? null : toJob(row as JobRow) };
}

/** Returns the number below which changes can be deleted; null if there are none. */
export async function changesDue(db: Kysely<Tables>, now: number): Promise<number | null> {
  const [first] = await oldest.rows(db, {});
  if (first === undefined) return null;
  // A change keeps those after it, which a clock that was set may have made look older.
  const upTo = first.number + MAX_FORGOTTEN;
  const [kept] = await db
    .selectFrom('job_changes')
    .select('number')
    .where('number', '<', upTo)
    .where('at', '>', now - LIFETIME_MS)
    .orderBy('number')
    .limit(1)
    .execute();
  const end = kept?.number ?? upTo;
  return end > first.number ? end : null;
}

/** Keeps the very last change, because it shows which numbers were assigned. */
export async function forgetChanges(trx: Kysely<Tables>, below: number): Promise<void> {
  const { number } = await lastChange(trx);
  await trx.deleteFrom('job_changes').where('number', '<', Math.min(below, number)).execute();
}
