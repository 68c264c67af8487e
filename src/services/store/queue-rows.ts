/** The queue: waiting jobs, their order, and the slots in use. */
import type { Kysely } from 'kysely';
import { type AccountHold, mayBeTheJobs, type PriceLimits, priceLimits } from '../jobs/account-hold.js';
import type { Change, Job } from '../jobs/job.js';
import type { Created, LeaseOptions, NewJob } from '../jobs/job-store.js';
import { newJob } from '../jobs/new-job.js';
import type { Database } from './database.js';
import { isOpen, waits } from './due-rows.js';
import { isAnyNewUntried, isTooDear, toHold, trialOf } from './hold-rows.js';
import { findKey, rememberKey } from './idempotency-rows.js';
import { findJob, writeChange } from './job-rows.js';
import { linkUploads, lockNamed } from './job-uploads.js';
import { only, Statement } from './statement.js';
import { type JobRow, jobColumns, type Tables, toJob } from './tables.js';
import { inPlaces } from './value-list.js';

/** A tenant may use one in this many free places of the reserve. */
const RESERVE_SHARES = 4;
/** For more ids, reading the queue once costs less than counting for each of them. */
const FEW = 16;

/** Reads the number of waiting jobs and the tenant's last turn. */
const queueSeenBy = new Statement((db, { tenant }: { tenant: string }) =>
  db.selectNoFrom((eb) => [
    eb
      .selectFrom('jobs')
      .select((of) => of.fn.countAll<number>().as('n'))
      .where(waits)
      .as('waiting'),
    eb
      .selectFrom('jobs')
      .select('turn')
      .where('tenant', '=', tenant)
      .orderBy('turn', 'desc')
      .limit(1)
      .as('last_turn'),
  ]),
);

export function enqueue(
  database: Database,
  job: NewJob,
  queueLimit: number,
  acceptWhileBlocked: boolean,
): Promise<Created> {
  return database.write(async (trx): Promise<Created> => {
    const { turn: served, account_hold: heldAs } = await database.lockQueue(trx);
    const known = job.idempotency === null ? null : await findKey(trx, job.tenant, job.idempotency.key);
    if (known !== null) {
      if (known.fingerprint !== job.idempotency?.fingerprint) return { kind: 'conflict' };
      return { kind: 'duplicate', job: await findJob(trx, 'id', known.job_id) };
    }
    const uploads = await lockNamed(database, trx, job);
    if ('kind' in uploads) return uploads;
    const hold = toHold(heldAs);
    if (hold?.blocks && !acceptWhileBlocked && !(await needsAnother(trx, hold)))
      return { kind: 'blocked', hold };
    const queue = only(await queueSeenBy.rows(trx, { tenant: job.tenant }));
    if (!(await hasPlace(trx, job.tenant, Number(queue.waiting), queueLimit))) return { kind: 'queue-full' };
    const turn = Math.max(served, (queue.last_turn ?? -1) + 1);
    const stored = await writeChange(trx, newJob({ ...job, turn }));
    await rememberKey(trx, job);
    await linkUploads(trx, job, uploads);
    return { kind: 'created', job: stored };
  });
}

/** Whether the waiting jobs, not the account, may be the reason for the hold, which only another job can show. */
async function needsAnother(trx: Kysely<Tables>, hold: AccountHold): Promise<boolean> {
  return mayBeTheJobs(hold) && !(await isAnyNewUntried(trx, hold));
}

/** Counts up to `most` of the tenant's waiting jobs, by an index that skips those of others. */
const ownWaiting = new Statement((db, { tenant, most }: { tenant: string; most: number }) =>
  db
    .selectFrom((eb) =>
      eb
        .selectFrom('jobs')
        .select('sequence')
        .where('tenant', '=', tenant)
        .where('status', '=', 'WAITING')
        .limit(most)
        .as('own'),
    )
    .select((eb) => eb.fn.countAll<number>().as('n')),
);

/**
 * `queueLimit` places are first come, first served, and as many again are a reserve for tenants with few waiting jobs:
 * a tenant gets one of these while its waiting jobs are fewer than a quarter of the free places. So one tenant may take
 * all places outside the reserve without keeping others out, and each newcomer leaves some of the reserve to the next.
 */
async function hasPlace(
  trx: Kysely<Tables>,
  tenant: string,
  waiting: number,
  queueLimit: number,
): Promise<boolean> {
  if (waiting < queueLimit) return true;
  const share = Math.ceil(Math.max(0, 2 * queueLimit - waiting) / RESERVE_SHARES);
  return share > 0 && Number(only(await ownWaiting.rows(trx, { tenant, most: share })).n) < share;
}

const serve = new Statement((db, { turn }: { turn: number }) =>
  db.updateTable('queue').set({ turn }).where('id', '=', 1),
);

type NextValues = PriceLimits & { now: number; free: number };

const nextFor = new WeakMap<Database, Statement<NextValues, JobRow>>();

/** Selects the jobs to send next. */
function nextOf(database: Database): Statement<NextValues, JobRow> {
  const known = nextFor.get(database);
  if (known !== undefined) return known;
  const statement = new Statement((db, values: NextValues) =>
    database.skipLocked(
      db
        .selectFrom('jobs')
        .select(jobColumns)
        .where(waits)
        .where('deadline_at', '>', values.now)
        .where((eb) => eb.or([eb('retry_at', 'is', null), eb('retry_at', '<=', values.now)]))
        .where((eb) => eb.not(isTooDear(values)))
        .orderBy('turn')
        .orderBy('sequence')
        .limit(values.free),
    ),
  );
  nextFor.set(database, statement);
  return statement;
}

const firstWaiting = new Statement((db) => db.selectFrom('jobs').select('id').where(waits).limit(1));

export async function leaseJobs(
  database: Database,
  limit: number,
  now: number,
  decide: (job: Job, storeNow: number) => Change | null,
  options: LeaseOptions = {},
): Promise<readonly Job[]> {
  // Usually no job waits; this check avoids a write transaction and counting the slots.
  if ((await firstWaiting.rows(database.db, {})).length === 0) return [];
  return database.write(async (trx) => {
    const { turn: served, account_hold: heldAs } = await database.lockQueue(trx);
    const hold = toHold(heldAs);
    const { trial = null } = options;
    if (trial === null ? hold?.blocks : hold === null) return [];
    const free = limit - (await countSlots(trx, now));
    if (free <= 0) return [];
    const rows =
      trial === null || hold === null
        ? await nextOf(database).rows(trx, { now, free, ...priceLimits(hold) })
        : await trialOf(database, trx, hold, trial, now);
    if (rows.length === 0) return [];
    const storeNow = await database.now(trx);
    const leased: Job[] = [];
    for (const row of rows) {
      const change = decide(toJob(row), storeNow);
      if (change !== null && (await writeChange(trx, change)) !== null) leased.push(change.job);
    }
    // A trial does not advance the turn.
    if (trial !== null) return leased;
    const turn = Math.max(served, ...leased.map((job) => job.turn));
    if (turn > served) await serve.run(trx, { turn });
    return leased;
  }, options);
}

export async function firstInQueue(
  db: Kysely<Tables>,
  tenants: readonly string[],
  limit: number,
): Promise<Map<string, Map<string, number>>> {
  const first = new Map<string, Map<string, number>>();
  if (tenants.length === 0) return first;
  const rows = await db
    .selectFrom((eb) =>
      eb
        .selectFrom('jobs')
        .select(['id', 'tenant'])
        .select(({ fn }) => [
          fn
            .agg<number>('row_number')
            .over((over) => over.orderBy('turn').orderBy('sequence'))
            .as('position'),
          fn
            .agg<number>('row_number')
            .over((over) => over.partitionBy('tenant').orderBy('turn').orderBy('sequence'))
            .as('place'),
        ])
        .where(waits)
        .as('waiting'),
    )
    .select(['id', 'tenant', 'position'])
    .where('tenant', 'in', inPlaces(tenants))
    .where('place', '<=', limit)
    .orderBy('position')
    .execute();
  for (const { id, tenant, position } of rows) {
    first.set(tenant, (first.get(tenant) ?? new Map<string, number>()).set(id, Number(position)));
  }
  return first;
}

export async function waitingJobs(db: Kysely<Tables>, ids: readonly string[]): Promise<Job[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom('jobs')
    .select(jobColumns)
    .where(waits)
    .where('id', 'in', inPlaces(ids))
    .execute();
  return rows.map(toJob);
}

export async function positionsOf(db: Kysely<Tables>, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  if (ids.length > FEW) {
    const queue = await db
      .selectFrom('jobs')
      .select('id')
      .where(waits)
      .orderBy('turn')
      .orderBy('sequence')
      .execute();
    const wanted = new Set(ids);
    return new Map(queue.map((row, i) => [row.id, i + 1] as const).filter(([id]) => wanted.has(id)));
  }
  const rows = await db
    .selectFrom('jobs as one')
    .select('one.id')
    .select((of) =>
      of
        .selectFrom('jobs')
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .where(waits)
        .where((eb) =>
          eb(eb.refTuple('jobs.turn', 'jobs.sequence'), '<', eb.refTuple('one.turn', 'one.sequence')),
        )
        .as('ahead'),
    )
    .where('one.id', 'in', inPlaces(ids))
    .where('one.status', '=', 'WAITING')
    .where('one.finished_at', 'is', null)
    .execute();
  return new Map(rows.map((row) => [row.id, Number(row.ahead) + 1]));
}

const waiting = new Statement((db) =>
  db
    .selectFrom('jobs')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where(waits),
);

export async function countWaiting(db: Kysely<Tables>): Promise<number> {
  return Number(only(await waiting.rows(db, {})).n);
}

/** Reads the rows of UNCONFIRMED jobs only: no other has a `slot_free_at`, and the rest is in the index. */
const slotsHeld = new Statement((db, { now }: { now: number }) =>
  db
    .selectFrom('jobs')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where(isOpen)
    .where('status', 'in', ['SUBMITTING', 'UNCONFIRMED', 'QUEUED', 'PROCESSING'])
    .where((eb) => eb.or([eb('status', '!=', 'UNCONFIRMED'), eb('slot_free_at', '>', now)])),
);

export async function countSlots(db: Kysely<Tables>, now: number): Promise<number> {
  return Number(only(await slotsHeld.rows(db, { now })).n);
}
