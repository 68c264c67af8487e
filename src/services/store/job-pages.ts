/** Lists of a tenant's jobs. */
import type { ExpressionBuilder, Kysely, SelectQueryBuilder } from 'kysely';
import type { Job } from '../jobs/job.js';
import type { JobFilter, JobPlace, Page, PageRequest } from './job-store.js';
import { type Tables, toJob } from './tables.js';

export async function listJobs(
  db: Kysely<Tables>,
  tenant: string,
  filter: JobFilter,
  page: PageRequest,
): Promise<Page> {
  if (filter.status?.length === 0) return { jobs: [], hasNextPage: false, hasPreviousPage: false };
  const matching = db
    .selectFrom('jobs')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('erase_at', 'is', null)
    .$if(filter.status !== undefined, (q) => q.where('status', 'in', filter.status ?? []))
    .$if(filter.createdAfter !== undefined, (q) => q.where('created_at', '>', filter.createdAfter ?? 0))
    .$if(filter.createdBefore !== undefined, (q) => q.where('created_at', '<', filter.createdBefore ?? 0));
  const isForward = page.direction === 'forward';
  const order = isForward ? 'desc' : 'asc';
  const rows = await matching
    .$if(page.after !== undefined, (q) => q.where((eb) => isBeyond(eb, '<', page.after)))
    .$if(page.before !== undefined, (q) => q.where((eb) => isBeyond(eb, '>', page.before)))
    .orderBy('created_at', order)
    .orderBy('sequence', order)
    .limit(page.limit + 1)
    .execute();
  const more = rows.length > page.limit;
  const jobs = rows.slice(0, page.limit).map(toJob);
  if (!isForward) jobs.reverse();
  const newest = jobs[0];
  const oldest = jobs.at(-1);
  return {
    jobs,
    hasNextPage: isForward ? more : oldest !== undefined && (await exists(matching, '<', oldest)),
    hasPreviousPage: isForward ? newest !== undefined && (await exists(matching, '>', newest)) : more,
  };
}

/** A tenant's jobs that changed since then, earliest change first. */
export async function jobsChangedSince(
  db: Kysely<Tables>,
  tenant: string,
  since: number,
  limit: number,
): Promise<Job[]> {
  const rows = await db
    .selectFrom('jobs')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('updated_at', '>=', since)
    .where('erase_at', 'is', null)
    .orderBy('updated_at')
    .limit(limit)
    .execute();
  return rows.map(toJob);
}

function isBeyond(eb: ExpressionBuilder<Tables, 'jobs'>, side: '<' | '>', place: JobPlace | undefined) {
  const { createdAt, sequence } = place ?? { createdAt: 0, sequence: 0 };
  return eb(eb.refTuple('created_at', 'sequence'), side, eb.tuple(createdAt, sequence));
}

async function exists<O>(
  matching: SelectQueryBuilder<Tables, 'jobs', O>,
  side: '<' | '>',
  place: JobPlace,
): Promise<boolean> {
  const row = await matching
    .clearSelect()
    .select('id')
    .where((eb) => isBeyond(eb, side, place))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
