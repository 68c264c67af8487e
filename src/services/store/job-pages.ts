/** Lists of a tenant's jobs. */
import type { ExpressionBuilder, Kysely, SelectQueryBuilder } from 'kysely';
import type { Job } from '../jobs/job.js';
import type { JobFilter, JobPlace, Page, PageRequest } from './job-store.js';
import type { RecentJobs } from './recent-jobs.js';
import { jobColumns, type Tables, toJob } from './tables.js';
import { inPlaces } from './value-list.js';

/** @param recent jobs that need not be read, where some are kept */
export async function listJobs(
  db: Kysely<Tables>,
  recent: RecentJobs | null,
  tenant: string,
  filter: JobFilter,
  page: PageRequest,
): Promise<Page> {
  if (filter.status?.length === 0) return { jobs: [], hasNextPage: false, hasPreviousPage: false };
  const matching = db
    .selectFrom('jobs')
    .where('tenant', '=', tenant)
    .where('erase_at', 'is', null)
    .$if(filter.status !== undefined, (q) => q.where('status', 'in', inPlaces(filter.status ?? [])))
    .$if(filter.createdAfter !== undefined, (q) => q.where('created_at', '>', filter.createdAfter ?? 0))
    .$if(filter.createdBefore !== undefined, (q) => q.where('created_at', '<', filter.createdBefore ?? 0));
  const isForward = page.direction === 'forward';
  const order = isForward ? 'desc' : 'asc';
  const wanted = matching
    .$if(page.after !== undefined, (q) => q.where((eb) => isBeyond(eb, '<', page.after)))
    .$if(page.before !== undefined, (q) => q.where((eb) => isBeyond(eb, '>', page.before)))
    .orderBy('created_at', order)
    .orderBy('sequence', order)
    .limit(page.limit + 1);
  const isNewest = isForward && page.after === undefined;
  const { found, jobs } =
    recent !== null && isNewest
      ? await throughMemory(recent, wanted, page.limit)
      : await whole(wanted, page.limit);
  const more = found > page.limit;
  if (!isForward) jobs.reverse();
  const newest = jobs[0];
  const oldest = jobs.at(-1);
  return {
    jobs,
    hasNextPage: isForward ? more : oldest !== undefined && (await exists(matching, '<', oldest)),
    hasPreviousPage: isForward ? newest !== undefined && (await exists(matching, '>', newest)) : more,
  };
}

type Matching = SelectQueryBuilder<Tables, 'jobs', object>;

/** How many there are, counting one more than the limit; and those within it. */
interface Found {
  readonly found: number;
  readonly jobs: Job[];
}

async function whole(wanted: Matching, limit: number): Promise<Found> {
  const rows = await wanted.select(jobColumns).execute();
  return { found: rows.length, jobs: rows.slice(0, limit).map(toJob) };
}

/**
 * The same for a page that is looked at again and again: from memory, where all of it is kept, and kept there
 * otherwise. A driver hands over two columns several times faster than whole jobs.
 */
async function throughMemory(recent: RecentJobs, wanted: Matching, limit: number): Promise<Found> {
  const places = await wanted.select(['id', 'version']).execute();
  const kept = places.slice(0, limit).flatMap(({ id, version }) => {
    const job = recent.get(id);
    // What is being written at this moment is another version here and there.
    return job?.version === version ? [job] : [];
  });
  if (kept.length === Math.min(places.length, limit)) return { found: places.length, jobs: kept };
  const reading = whole(wanted, limit);
  await recent.readAll(reading.then(({ jobs }) => jobs));
  return reading;
}

function isBeyond(eb: ExpressionBuilder<Tables, 'jobs'>, side: '<' | '>', place: JobPlace | undefined) {
  const { createdAt, sequence } = place ?? { createdAt: 0, sequence: 0 };
  return eb(eb.refTuple('created_at', 'sequence'), side, eb.tuple(createdAt, sequence));
}

async function exists(matching: Matching, side: '<' | '>', place: JobPlace): Promise<boolean> {
  const row = await matching
    .select('id')
    .where((eb) => isBeyond(eb, side, place))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
