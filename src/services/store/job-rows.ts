/** Single jobs and their history. */
import type { Kysely, UpdateResult } from 'kysely';
import { type Change, FIRST_VERSION, type Job, type JobUpdate } from '../jobs/job.js';
import type { JobRequest } from '../jobs/job-request.js';
import { only, Statement } from './statement.js';
import { jobColumns, type Tables, toChangedColumns, toJob } from './tables.js';
import { inPlaces } from './value-list.js';

const byId = new Statement((db, place) =>
  db.selectFrom('jobs').select(jobColumns).where('id', '=', place<string>('value')),
);
const byCallbackToken = new Statement((db, place) =>
  db.selectFrom('jobs').select(jobColumns).where('callback_token', '=', place<string>('value')),
);

export async function findJob(
  db: Kysely<Tables>,
  by: 'id' | 'callback_token',
  value: string,
): Promise<Job | null> {
  // PostgreSQL's text type can't contain it, and the query would fail.
  if (value.includes('\0')) return null;
  const [row] = await (by === 'id' ? byId : byCallbackToken).rows(db, { value });
  return row === undefined ? null : toJob(row);
}

export interface StoredRequest {
  readonly request: JobRequest;
  /** The length of its text. */
  readonly characters: number;
}

export async function requestsOf(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<Map<string, StoredRequest>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'request'])
    .where('id', 'in', inPlaces(ids))
    .execute();
  return new Map(rows.map(({ id, request }) => [id, toStored(request)]));
}

function toStored(text: string): StoredRequest {
  return { request: JSON.parse(text) as JobRequest, characters: text.length };
}

export async function versionsOf(db: Kysely<Tables>, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'version'])
    .where('id', 'in', inPlaces(ids))
    .execute();
  return new Map(rows.map(({ id, version }) => [id, version]));
}

const insertion = new Statement((db, place) =>
  db
    .insertInto('jobs')
    .values({
      id: place('id'),
      tenant: place('tenant'),
      status: place('status'),
      version: place('version'),
      turn: place('turn'),
      created_at: place('createdAt'),
      updated_at: place('updatedAt'),
      callback_token: place('callbackToken'),
      attempts: place('attempts'),
      deadline_at: place('deadlineAt'),
      archive_attempts: place('archiveAttempts'),
      pictures: place('pictures'),
      kind: place('kind'),
      request: place('request'),
    })
    .returning('sequence'),
);

/**
 * The one place where jobs are written: stores a change, its history entry, and whatever else must be true at the same
 * moment. Returns the stored job; null if its version is no longer the one that the change was made from.
 */
export async function writeChange(trx: Kysely<Tables>, change: Change): Promise<Job | null> {
  const { job, update } = change;
  const stored = job.version === FIRST_VERSION ? await insertJob(trx, change) : await updateJob(trx, change);
  if (stored !== null) await updateInsertion.run(trx, { ...update, job_id: job.id });
  return stored;
}

/** A new job has only the columns that it was created with. */
async function insertJob(trx: Kysely<Tables>, { job, request }: Change): Promise<Job> {
  const { sequence } = only(await insertion.rows(trx, { ...job, request }));
  return { ...job, sequence };
}

/** Statements by the columns that they set; each kind of change sets its own. */
const changing = new Map<string, Statement<UpdateResult>>();

function changingOf(columns: readonly string[]): Statement<UpdateResult> {
  const key = columns.join();
  const known = changing.get(key);
  if (known !== undefined) return known;
  const statement = new Statement((db, place) =>
    db
      .updateTable('jobs')
      .set(Object.fromEntries(columns.map((column) => [column, place(column)])))
      .where('id', '=', place<string>('id'))
      .where('version', '=', place<number>('version before')),
  );
  changing.set(key, statement);
  return statement;
}

async function updateJob(trx: Kysely<Tables>, change: Change): Promise<Job | null> {
  const { job } = change;
  const columns = Object.entries(toChangedColumns(change)).filter(([, value]) => value !== undefined);
  const { numAffectedRows } = await changingOf(columns.map(([column]) => column)).run(trx, {
    ...Object.fromEntries(columns),
    id: job.id,
    'version before': job.version - 1,
  });
  return numAffectedRows === 0n ? null : job;
}

const updateInsertion = new Statement((db, place) =>
  db.insertInto('job_updates').values({
    job_id: place('job_id'),
    version: place('version'),
    status: place('status'),
    at: place<number>('at'),
    source: place('source'),
    note: place('note'),
  }),
);

export function historyOf(db: Kysely<Tables>, id: string): Promise<JobUpdate[]> {
  return db
    .selectFrom('job_updates')
    .select(['version', 'status', 'at', 'source', 'note'])
    .where('job_id', '=', id)
    .orderBy('version')
    .execute();
}

export async function deleteJobs(trx: Kysely<Tables>, ids: readonly string[]): Promise<void> {
  await trx.deleteFrom('job_updates').where('job_id', 'in', inPlaces(ids)).execute();
  await trx.deleteFrom('jobs').where('id', 'in', inPlaces(ids)).execute();
}
