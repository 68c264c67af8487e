/** Lists of a tenant's jobs. */
import type { ExpressionBuilder, Kysely, SelectQueryBuilder, Simplify } from 'kysely';
import type { Job } from '../jobs/job.js';
import type { JobFilter, JobPlace, Page, PageRequest } from './job-store.js';
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
      .$if(status !== undefined, (q) => q.where('status', '=', status ?? 'WAITING'))
      .$if(filter.createdAfter !== undefined, (q) => q.where('created_at', '>', filter.createdAfter ?? 0))
      .$if(filter.createdBefore !== undefined, (q) => q.where('created_at', '<', filter.createdBefore ?? 0)),
  );
  const isForward = page.direction === 'forward';
  const order = isForward ? 'desc' : 'asc';
  const first = <Row>(jobs: Jobs<Row>): Jobs<Row> =>
    jobs
      .orderBy('created_at', order)
      .orderBy('sequence', order)
      .limit(page.limit + 1);
  const wanted: Wanted = (columns) => {
    const each = matching.map((jobs) =>
      first(columns(jobs))
        .$if(page.after !== undefined, (q) => q.where((eb) => isBeyond(eb, '<', page.after)))
        .$if(page.before !== undefined, (q) => q.where((eb) => isBeyond(eb, '>', page.before))),
    );
    const jobs = each.length === 1 ? together(each) : first(together(each.map((one) => asTable(db, one))));
    return jobs.execute();
  };
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

type Jobs<Row> = SelectQueryBuilder<Tables, 'jobs', Row>;

/** The rows of a page, and one more where there is one. The columns are to include those of the order. */
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
 * otherwise. A driver hands over four columns several times faster than whole jobs.
 */
async function throughMemory(recent: RecentJobs, wanted: Wanted, limit: number): Promise<Found> {
  const places = await wanted((q) => q.select(['id', 'version', 'created_at', 'sequence']));
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

async function exists(matching: readonly Jobs<object>[], side: '<' | '>', place: JobPlace): Promise<boolean> {
  const beyond = matching.map((jobs) => jobs.select('id').where((eb) => isBeyond(eb, side, place)));
  return (await together(beyond).limit(1).executeTakeFirst()) !== undefined;
}

function together<Row>(each: readonly Jobs<Row>[]): Jobs<Row> {
  return each.reduce((all, one) => all.unionAll(one));
}

/** SQLite takes what has an order and a limit of its own together with others only like this. */
function asTable<Row>(db: Kysely<Tables>, jobs: Jobs<Row>): Jobs<Row> {
  return db.selectFrom(jobs.as('jobs')).selectAll().$castTo<Row>();
}
