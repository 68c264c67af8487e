/** Single jobs and their history. */
import type { Kysely, Updateable, UpdateResult } from 'kysely';
import { type Birth, type Change, FIRST_VERSION, type Job, type JobUpdate } from '../jobs/job.js';
import type { JobRequest } from '../jobs/job-request.js';
import { only, Statement } from './statement.js';
import {
  type JobTable,
  type JobUpdateTable,
  jobColumns,
  type Tables,
  toChangedColumns,
  toJob,
} from './tables.js';
import { inPlaces } from './value-list.js';

const byId = new Statement((db, { value }: { value: string }) =>
  db.selectFrom('jobs').select(jobColumns).where('id', '=', value),
);
const byCallbackToken = new Statement((db, { value }: { value: string }) =>
  db.selectFrom('jobs').select(jobColumns).where('callback_token', '=', value),
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

export function toStored(text: string): StoredRequest {
  return { request: JSON.parse(text) as JobRequest, characters: text.length };
}

export async function metadataOf(db: Kysely<Tables>, ids: readonly string[]): Promise<Map<string, object>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'metadata'])
    .where('id', 'in', inPlaces(ids))
    .where('metadata', 'is not', null)
    .$narrowType<{ metadata: string }>()
    .execute();
  return new Map(rows.map(({ id, metadata }) => [id, JSON.parse(metadata) as object]));
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

const insertion = new Statement((db, job: Job & Pick<Birth, 'request' | 'metadata'>) =>
  db
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
      pictures: job.pictures,
      kind: job.kind,
      reference: job.reference,
      metadata: job.metadata,
      request: job.request,
    })
    .returning('sequence'),
);

/**
 * The only place where jobs are written: stores a change and its history entry. Whatever else must become true in the
 * same transaction belongs here too.
 *
 * @returns the stored job; null if its version is no longer the one that the change was made from
 */
export async function writeChange(trx: Kysely<Tables>, change: Birth): Promise<Job>;
export async function writeChange(trx: Kysely<Tables>, change: Change): Promise<Job | null>;
export async function writeChange(trx: Kysely<Tables>, change: Change): Promise<Job | null> {
  const { job, update } = change;
  const stored = isBirth(change) ? await insertJob(trx, change) : await updateJob(trx, change);
  if (stored !== null) await updateInsertion.run(trx, { ...update, job_id: job.id });
  return stored;
}

function isBirth(change: Change): change is Birth {
  return change.job.version === FIRST_VERSION;
}

/** A new job has only the columns that it was created with. */
async function insertJob(trx: Kysely<Tables>, { job, request, metadata }: Birth): Promise<Job> {
  const { sequence } = only(await insertion.rows(trx, { ...job, request, metadata }));
  return { ...job, sequence };
}

/** The columns that a change sets, and the row that they belong to. */
interface Changing extends Updateable<JobTable> {
  readonly id: string;
  readonly versionBefore: number;
}

/** Statements by the columns that they set; each kind of change sets its own. */
const changing = new Map<string, Statement<Changing, UpdateResult>>();

function changingOf(columns: readonly (keyof Updateable<JobTable>)[]): Statement<Changing, UpdateResult> {
  const key = columns.join();
  const known = changing.get(key);
  if (known !== undefined) return known;
  const statement = new Statement((db, values: Changing) =>
    db
      .updateTable('jobs')
      .set(Object.fromEntries(columns.map((column) => [column, values[column]])))
      .where('id', '=', values.id)
      .where('version', '=', values.versionBefore),
  );
  changing.set(key, statement);
  return statement;
}

async function updateJob(trx: Kysely<Tables>, change: Change): Promise<Job | null> {
  const { job } = change;
  const row = toChangedColumns(change);
  const columns = (Object.keys(row) as (keyof typeof row)[]).filter((column) => row[column] !== undefined);
  const values = { ...row, id: job.id, versionBefore: job.version - 1 };
  const { numAffectedRows } = await changingOf(columns).run(trx, values);
  return numAffectedRows === 0n ? null : job;
}

const updateInsertion = new Statement((db, update: JobUpdateTable) =>
  db.insertInto('job_updates').values({
    job_id: update.job_id,
    version: update.version,
    status: update.status,
    at: update.at,
    source: update.source,
    note: update.note,
  }),
);

export async function historiesOf(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<Map<string, JobUpdate[]>> {
  const histories = new Map<string, JobUpdate[]>();
  if (ids.length === 0) return histories;
  const rows = await db
    .selectFrom('job_updates')
    .select(['job_id', 'version', 'status', 'at', 'source', 'note'])
    .where('job_id', 'in', inPlaces(ids))
    .orderBy('job_id')
    .orderBy('version')
    .execute();
  for (const { job_id, ...update } of rows) {
    const history = histories.get(job_id);
    if (history === undefined) histories.set(job_id, [update]);
    else history.push(update);
  }
  return histories;
}

export async function deleteJobs(trx: Kysely<Tables>, ids: readonly string[]): Promise<void> {
  await trx.deleteFrom('job_updates').where('job_id', 'in', inPlaces(ids)).execute();
  await trx.deleteFrom('job_uploads').where('job_id', 'in', inPlaces(ids)).execute();
  await trx.deleteFrom('jobs').where('id', 'in', inPlaces(ids)).execute();
}
