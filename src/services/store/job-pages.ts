/** Lists a tenant's jobs, page by page. */
import type { ExpressionBuilder, Kysely, SelectQueryBuilder, Simplify } from 'kysely';
import { JOB_STATUSES, type Job } from '../jobs/job.js';
import type { JobFilter, JobPlace, Page, PageRequest } from '../jobs/job-store.js';
import { isReference } from '../jobs/labels.js';
import type { RecentJobs } from './recent-jobs.js';
import { jobColumns, type Tables, toJob } from './tables.js';

/** @param recent the jobs in memory; null if none are kept */
export async function listJobs(
  db: Kysely<Tables>,
  recent: RecentJobs | null,
  tenant: string,
  filter: JobFilter,
  page: PageRequest,
): Promise<Page> {
  const { reference } = filter;
  // PostgreSQL's text type can't contain all that is no reference, and the query would fail.
  const isNone = reference !== undefined && !isReference(reference);
  if (isNone || filter.status?.length === 0) return { jobs: [], hasNextPage: false, hasPreviousPage: false };
  // No index orders jobs of several statuses, so a single query would go through jobs of all statuses.
  const all = reference === undefined ? [undefined] : JOB_STATUSES;
  const statuses = filter.status === undefined ? all : [...new Set(filter.status)];
  const matching = statuses.map((status) =>
    db
      .selectFrom('jobs')
      .where('tenant', '=', tenant)
      .where('erase_at', 'is', null)
      .$if(reference !== undefined, (q) => q.where('reference', '=', reference ?? null))
      .$if(status !== undefined, (q) => q.where('status', '=', status ?? 'WAITING')),
  );
  // All sequence numbers are between these two.
  const from = placeAt(filter.createdAfter, Number.MAX_SAFE_INTEGER);
  const to = placeAt(filter.createdBefore, 0);
  const isForward = page.direction === 'forward';
  const order = isForward ? 'desc' : 'asc';
  const first = <Row>(jobs: Jobs<Row>): Jobs<Row> =>
    jobs
      .orderBy('created_at', order)
      .orderBy('sequence', order)
      .limit(page.limit + 1);
  const wanted: Wanted = (columns) => {
    const within = between(newerOf(from, page.before), olderOf(to, page.after));
    const each = matching.map((jobs) => first(within(columns(jobs))));
    const jobs = each.length === 1 ? together(each) : first(together(each.map((one) => asTable(db, one))));
    return jobs.execute();
  };
  const isNewest = isForward && page.after === undefined;
  const { found, jobs } =
    recent !== null && isNewest
      ? await throughMemory(recent, wanted, page.limit, statuses.length === 1 ? [] : ORDER)
      : await whole(wanted, page.limit);
  const more = found > page.limit;
  if (!isForward) jobs.reverse();
  const newest = jobs[0];
  const oldest = jobs.at(-1);
  // Without `after`, a forward page begins with the newest job; without `before`, a backward one ends with the oldest.
  const mayBeNewer = page.after !== undefined && newest !== undefined;
  const mayBeOlder = page.before !== undefined && oldest !== undefined;
  return {
    jobs,
    hasNextPage: isForward ? more : mayBeOlder && (await exists(matching, from, oldest)),
    hasPreviousPage: isForward ? mayBeNewer && (await exists(matching, newest, to)) : more,
  };
}

/** The columns that jobs are ordered by. */
const ORDER = ['created_at', 'sequence'] as const;

type Jobs<Row> = SelectQueryBuilder<Tables, 'jobs', Row>;

/** Reads the rows of a page, and one more if there is one. For several statuses, the columns must include `ORDER`. */
type Wanted = <Row>(columns: (jobs: Jobs<object>) => Jobs<Row>) => Promise<Simplify<Row>[]>;

/** The jobs within the limit, and the number found, which includes one beyond it. */
interface Found {
  readonly found: number;
  readonly jobs: Job[];
}

async function whole(wanted: Wanted, limit: number): Promise<Found> {
  const rows = await wanted((q) => q.select(jobColumns));
  return { found: rows.length, jobs: rows.slice(0, limit).map(toJob) };
}

/**
 * Like `whole`, for a page that is requested repeatedly: taken from memory if all its jobs are there, otherwise read
 * and kept. The driver needs about a microsecond per column of a row, so only the necessary columns are read.
 *
 * @param order the columns by which the rows are ordered
 */
async function throughMemory(
  recent: RecentJobs,
  wanted: Wanted,
  limit: number,
  order: readonly (typeof ORDER)[number][],
): Promise<Found> {
  const places = await wanted((q) => q.select(['id', 'version', ...order]));
  const kept = places.slice(0, limit).flatMap(({ id, version }) => {
    const job = recent.get(id);
    // During a write, the versions in memory and in the database differ.
    return job?.version === version ? [job] : [];
  });
  if (kept.length === Math.min(places.length, limit)) return { found: places.length, jobs: kept };
  const reading = whole(wanted, limit);
  await recent.readAll(reading.then(({ jobs }) => jobs));
  return reading;
}

type Bound = JobPlace | undefined;

function placeAt(createdAt: number | undefined, sequence: number): Bound {
  return createdAt === undefined ? undefined : { createdAt, sequence };
}

function isOlder(a: JobPlace, b: JobPlace): boolean {
  return a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.sequence < b.sequence);
}

/** With two bounds on one side, SQLite uses the wrong one, and would go through all jobs up to the other. */
function olderOf(a: Bound, b: Bound): Bound {
  return a !== undefined && b !== undefined ? (isOlder(a, b) ? a : b) : (a ?? b);
}

function newerOf(a: Bound, b: Bound): Bound {
  return a !== undefined && b !== undefined ? (isOlder(a, b) ? b : a) : (a ?? b);
}

function between(from: Bound, to: Bound): <Row>(jobs: Jobs<Row>) => Jobs<Row> {
  return (jobs) =>
    jobs
      .$if(from !== undefined, (q) => q.where((eb) => isBeyond(eb, '>', from)))
      .$if(to !== undefined, (q) => q.where((eb) => isBeyond(eb, '<', to)));
}

function isBeyond(eb: ExpressionBuilder<Tables, 'jobs'>, side: '<' | '>', place: Bound) {
  const { createdAt, sequence } = place ?? { createdAt: 0, sequence: 0 };
  return eb(eb.refTuple('created_at', 'sequence'), side, eb.tuple(createdAt, sequence));
}

async function exists(matching: readonly Jobs<object>[], from: Bound, to: Bound): Promise<boolean> {
  const within = matching.map((jobs) => between(from, to)(jobs.select('id')));
  return (await together(within).limit(1).executeTakeFirst()) !== undefined;
}

function together<Row>(each: readonly Jobs<Row>[]): Jobs<Row> {
  return each.reduce((all, one) => all.unionAll(one));
}

/** SQLite accepts queries with their own order and limit in a union only as subqueries. */
function asTable<Row>(db: Kysely<Tables>, jobs: Jobs<Row>): Jobs<Row> {
  return db.selectFrom(jobs.as('jobs')).selectAll().$castTo<Row>();
}
