/** Lists of a tenant's jobs. */
import type { ExpressionBuilder, Kysely, SelectQueryBuilder, Simplify } from 'kysely';
import type { Job } from '../jobs/job.js';
import type { JobFilter, JobPlace, Page, PageRequest } from '../jobs/job-store.js';
import type { RecentJobs } from './recent-jobs.js';
import { jobColumns, type Tables, toJob } from './tables.js';

/** @param recent jobs that need not be read, where some are kept */
export async function listJobs(
  db: Kysely<Tables>,
  recent: RecentJobs | null,
  tenant: string,
  filter: JobFilter,
  page: PageRequest,
): Promise<Page> {
  if (filter.status?.length === 0) return { jobs: [], hasNextPage: false, hasPreviousPage: false };
  // One of several statuses has no order in an index: a database would go through jobs of all statuses.
  const statuses = filter.status === undefined ? [undefined] : [...new Set(filter.status)];
  const matching = statuses.map((status) =>
    db
      .selectFrom('jobs')
      .where('tenant', '=', tenant)
      .where('erase_at', 'is', null)
      .$if(status !== undefined, (q) => q.where('status', '=', status ?? 'WAITING')),
  );
  // Sequences are between the two.
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
  return {
    jobs,
    hasNextPage: isForward ? more : oldest !== undefined && (await exists(matching, from, oldest)),
    hasPreviousPage: isForward ? newest !== undefined && (await exists(matching, newest, to)) : more,
  };
}

/** The columns of the order. */
const ORDER = ['created_at', 'sequence'] as const;

type Jobs<Row> = SelectQueryBuilder<Tables, 'jobs', Row>;

/** The rows of a page, and one more where there is one. Of several statuses, the columns are to include `ORDER`. */
type Wanted = <Row>(columns: (jobs: Jobs<object>) => Jobs<Row>) => Promise<Simplify<Row>[]>;

/** How many there are, counting one more than the limit; and those within it. */
interface Found {
  readonly found: number;
  readonly jobs: Job[];
}

async function whole(wanted: Wanted, limit: number): Promise<Found> {
  const rows = await wanted((q) => q.select(jobColumns));
  return { found: rows.length, jobs: rows.slice(0, limit).map(toJob) };
}

/**
 * The same for a page that is looked at again and again: from memory, where all of it is kept, and kept there
 * otherwise. A driver takes about a microsecond for each column of a row, so no more are read than are needed.
 *
 * @param order the columns that the rows are to have for their order
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
    // What is being written at this moment is another version here and there.
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

/** SQLite goes by one bound on each side, the wrong one of two: it would go through all jobs up to the other. */
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

/** SQLite takes what has an order and a limit of its own together with others only like this. */
function asTable<Row>(db: Kysely<Tables>, jobs: Jobs<Row>): Jobs<Row> {
  return db.selectFrom(jobs.as('jobs')).selectAll().$castTo<Row>();
}
