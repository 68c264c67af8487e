/**
 * The job store over SQL, the same for every database. What differs between databases (how to open, how to
 * commit, how to lock) comes in as a `Database`.
 */
import { randomBytes } from 'node:crypto';
import { type ExpressionBuilder, type Kysely, Migrator, type SelectQueryBuilder, sql } from 'kysely';
import { type Change, type Job, type JobStatus, type JobUpdate, newJob } from '../jobs/job.js';
import type { Created, JobFilter, JobStore, NewJob, Page, PageRequest, SlotUsage } from './job-store.js';
import { type ColumnTypes, migrations } from './migrations.js';
import { type JobTable, type Tables, toChangedColumns, toJob, toUpdateRow } from './tables.js';

/** An open database. */
export interface Database {
  readonly db: Kysely<Tables>;
  readonly columnTypes: ColumnTypes;
  /** No other process has it open. */
  readonly exclusive: boolean;
  /** Whether rows that another transaction holds can be passed over. */
  readonly canSkipLocked: boolean;
  /** Runs `work` in a transaction; resolves when it is durable. */
  write<T>(work: (transaction: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** Held until the end of the transaction, so that leases and bounded inserts happen one after another. */
  lockQueue(transaction: Kysely<Tables>): Promise<{ readonly turn: number }>;
  /** Lets writes in flight end, then closes. Safe to call twice. */
  close(): Promise<void>;
}

export function createKyselyJobStore(open: () => Promise<Database>): JobStore {
  return new KyselyJobStore(open);
}

/** How long an idempotency key is remembered at least. */
const KEY_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** Written out in SQL rather than bound, so that SQLite sees that the partial index applies. */
const isOpen = sql<boolean>`finished_at is null`;
const waits = sql<boolean>`finished_at is null and status = 'WAITING'`;
const isAbandoned = sql<boolean>`finished_at is null and status = 'SUBMITTING'`;

class KyselyJobStore implements JobStore {
  readonly #open: () => Promise<Database>;
  #database: Database | null = null;
  #stopping: Promise<void> | null = null;

  constructor(open: () => Promise<Database>) {
    this.#open = open;
  }

  async start(): Promise<void> {
    if (this.#database !== null) return;
    await this.#stopping;
    const database = await this.#open();
    this.#database = database;
    const migrator = new Migrator({ db: database.db, provider: migrations(database.columnTypes) });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#database !== null) this.#stopping = this.#database.close();
    this.#database = null;
    await this.#stopping;
  }

  get exclusive(): boolean {
    return this.#writable.exclusive;
  }

  async ping(): Promise<void> {
    await sql`select 1`.execute(this.#db);
  }

  async secret(name: string): Promise<Uint8Array> {
    const value = randomBytes(32).toString('base64url');
    const kept = await this.#writable.write(async (trx) => {
      await trx
        .insertInto('secrets')
        .values({ name, value })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return trx.selectFrom('secrets').select('value').where('name', '=', name).executeTakeFirstOrThrow();
    });
    return Buffer.from(kept.value, 'base64url');
  }

  async create(job: NewJob, queueLimit: number): Promise<Created> {
    const database = this.#writable;
    return database.write(async (trx): Promise<Created> => {
      const { turn: served } = await database.lockQueue(trx);
      if (job.idempotency !== null) {
        const known = await trx
          .selectFrom('idempotency_keys')
          .select(['fingerprint', 'job_id'])
          .where('tenant', '=', job.tenant)
          .where('key', '=', job.idempotency.key)
          .executeTakeFirst();
        if (known !== undefined) {
          if (known.fingerprint !== job.idempotency.fingerprint) return { kind: 'conflict' };
          const row = await trx
            .selectFrom('jobs')
            .selectAll()
            .where('id', '=', known.job_id)
            .executeTakeFirst();
          return { kind: 'duplicate', job: row === undefined ? null : toJob(row) };
        }
      }
      if ((await countWaiting(trx)) >= queueLimit) return { kind: 'queue-full' };
      const last = await trx
        .selectFrom('jobs')
        .select('turn')
        .where('tenant', '=', job.tenant)
        .orderBy('turn', 'desc')
        .limit(1)
        .executeTakeFirst();
      const turn = Math.max(served, last === undefined ? 0 : last.turn + 1);
      const { job: fresh, update } = newJob({ ...job, turn });
      const { sequence } = await trx
        .insertInto('jobs')
        .values({
          id: fresh.id,
          tenant: fresh.tenant,
          turn,
          created_at: fresh.createdAt,
          callback_token: fresh.callbackToken,
          ...toChangedColumns(fresh),
        })
        .returning('sequence')
        .executeTakeFirstOrThrow();
      await trx.insertInto('job_updates').values(toUpdateRow(fresh.id, update)).execute();
      if (job.idempotency !== null) {
        await trx
          .insertInto('idempotency_keys')
          .values({
            tenant: job.tenant,
            ...job.idempotency,
            job_id: job.id,
            created_at: job.at,
            forget_at: null,
          })
          .execute();
      }
      return { kind: 'created', job: { ...fresh, sequence } };
    });
  }

  async get(id: string): Promise<Job | null> {
    return first(await this.#db.selectFrom('jobs').selectAll().where('id', '=', id).execute());
  }

  async getByCallbackToken(token: string): Promise<Job | null> {
    return first(await this.#db.selectFrom('jobs').selectAll().where('callback_token', '=', token).execute());
  }

  async save(change: Change): Promise<boolean> {
    return this.#writable.write((trx) => saveIn(trx, change));
  }

  async history(id: string): Promise<readonly JobUpdate[]> {
    return this.#db
      .selectFrom('job_updates')
      .select(['version', 'status', 'at', 'source', 'note'])
      .where('job_id', '=', id)
      .orderBy('version')
      .execute();
  }

  async list(tenant: string, filter: JobFilter, page: PageRequest): Promise<Page> {
    if (filter.status?.length === 0) return { jobs: [], hasNextPage: false, hasPreviousPage: false };
    const matching = this.#db
      .selectFrom('jobs')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('erase_at', 'is', null)
      .$if(filter.status !== undefined, (q) => q.where('status', 'in', filter.status ?? []))
      .$if(filter.createdAfter !== undefined, (q) => q.where('created_at', '>', filter.createdAfter ?? 0))
      .$if(filter.createdBefore !== undefined, (q) => q.where('created_at', '<', filter.createdBefore ?? 0));
    const order = page.direction === 'forward' ? 'desc' : 'asc';
    const rows = await matching
      .$if(page.after !== undefined, (q) => q.where((eb) => isBeyond(eb, '<', page.after)))
      .$if(page.before !== undefined, (q) => q.where((eb) => isBeyond(eb, '>', page.before)))
      .orderBy('created_at', order)
      .orderBy('sequence', order)
      .limit(page.limit + 1)
      .execute();
    const more = rows.length > page.limit;
    const jobs = rows.slice(0, page.limit).map(toJob);
    if (page.direction === 'backward') jobs.reverse();
    const newest = jobs[0];
    const oldest = jobs.at(-1);
    const forward = page.direction === 'forward';
    return {
      jobs,
      hasNextPage: forward ? more : oldest !== undefined && (await exists(matching, '<', oldest)),
      hasPreviousPage: forward ? newest !== undefined && (await exists(matching, '>', newest)) : more,
    };
  }

  async lease(limit: number, now: number, decide: (job: Job) => Change | null): Promise<readonly Job[]> {
    const database = this.#writable;
    return database.write(async (trx) => {
      const { turn: served } = await database.lockQueue(trx);
      const free = limit - (await countSlots(trx, now));
      if (free <= 0) return [];
      const rows = await trx
        .selectFrom('jobs')
        .selectAll()
        .where(waits)
        .where('deadline_at', '>', now)
        .orderBy('turn')
        .orderBy('sequence')
        .limit(free)
        .$if(database.canSkipLocked, (q) => q.forUpdate().skipLocked())
        .execute();
      const leased: Job[] = [];
      for (const row of rows) {
        const change = decide(toJob(row));
        if (change !== null && (await saveIn(trx, change))) leased.push(change.job);
      }
      const turn = Math.max(served, ...leased.map((job) => job.turn));
      if (turn > served) await trx.updateTable('queue').set({ turn }).where('id', '=', 1).execute();
      return leased;
    });
  }

  async queuePosition(id: string): Promise<number | null> {
    return (await this.queuePositions([id])).get(id) ?? null;
  }

  async queuePositions(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (ids.length === 0) return new Map();
    if (ids.length > 16) {
      const queue = await this.#db
        .selectFrom('jobs')
        .select('id')
        .where(waits)
        .orderBy('turn')
        .orderBy('sequence')
        .execute();
      const wanted = new Set(ids);
      return new Map(queue.map((row, i) => [row.id, i + 1] as const).filter(([id]) => wanted.has(id)));
    }
    const rows = await this.#db
      .selectFrom('jobs')
      .select(['id', 'turn', 'sequence'])
      .where('id', 'in', ids)
      .where(waits)
      .execute();
    const positions = new Map<string, number>();
    for (const row of rows) {
      const ahead = await this.#db
        .selectFrom('jobs')
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .where(waits)
        .where((eb) => eb(eb.refTuple('turn', 'sequence'), '<', eb.tuple(row.turn, row.sequence)))
        .executeTakeFirstOrThrow();
      positions.set(row.id, Number(ahead.n) + 1);
    }
    return positions;
  }

  async slots(now: number): Promise<SlotUsage> {
    return { used: await countSlots(this.#db, now), waiting: await countWaiting(this.#db) };
  }

  async pastDeadline(statuses: readonly JobStatus[], now: number, limit: number): Promise<readonly Job[]> {
    const rows = await this.#db
      .selectFrom('jobs')
      .selectAll()
      .where(isOpen)
      .where('deadline_at', '<=', now)
      // Spelled so that it is no use to an index: few are late, but many may be in these statuses.
      .where(sql<JobStatus>`status || ''`, 'in', statuses)
      .orderBy('deadline_at')
      .limit(limit)
      .execute();
    return rows.map(toJob);
  }

  async duePolls(now: number, limit: number): Promise<readonly Job[]> {
    const rows = await this.#db
      .selectFrom('jobs')
      .selectAll()
      .where('poll_at', 'is not', null)
      .where('poll_at', '<=', now)
      .orderBy('poll_at')
      .limit(limit)
      .execute();
    return rows.map(toJob);
  }

  async reschedulePolls(polls: readonly { readonly id: string; readonly pollAt: number }[]): Promise<void> {
    if (polls.length === 0) return;
    await this.#writable.write(async (trx) => {
      for (const { id, pollAt } of polls) {
        await trx
          .updateTable('jobs')
          .set({ poll_at: pollAt })
          .where('id', '=', id)
          .where('poll_at', 'is not', null)
          .execute();
      }
    });
  }

  async abandoned(before: number, limit: number): Promise<readonly Job[]> {
    const rows = await this.#db
      .selectFrom('jobs')
      .selectAll()
      .where(isAbandoned)
      .where('sent_at', '<=', before)
      .limit(limit)
      .execute();
    return rows.map(toJob);
  }

  claimArchives(now: number, until: number, limit: number): Promise<readonly Job[]> {
    return this.#claim('archive_at', now, until, limit);
  }

  async rescheduleArchive(
    id: string,
    next: { readonly at: number | null; readonly attempts: number },
  ): Promise<void> {
    await this.#writable.write((trx) =>
      trx
        .updateTable('jobs')
        .set({ archive_at: next.at, archive_attempts: next.attempts })
        .where('id', '=', id)
        .where('archive_at', 'is not', null)
        .execute(),
    );
  }

  async expiringResults(after: number, before: number): Promise<{ count: number; ids: readonly string[] }> {
    const expiring = this.#db
      .selectFrom('jobs')
      .where('expires_at', 'is not', null)
      .where('expires_at', '>', after)
      .where('expires_at', '<=', before)
      .where('erase_at', 'is', null);
    const { n } = await expiring.select((eb) => eb.fn.countAll<number>().as('n')).executeTakeFirstOrThrow();
    const rows = await expiring.select('id').orderBy('expires_at').limit(10).execute();
    return { count: Number(n), ids: rows.map(({ id }) => id) };
  }

  async finishedBefore(before: number, limit: number): Promise<readonly Job[]> {
    const rows = await this.#db
      .selectFrom('jobs')
      .selectAll()
      .where('finished_at', 'is not', null)
      .where('finished_at', '<=', before)
      .where('erase_at', 'is', null)
      .orderBy('finished_at')
      .limit(limit)
      .execute();
    return rows.map(toJob);
  }

  claimErasures(now: number, until: number, limit: number): Promise<readonly Job[]> {
    return this.#claim('erase_at', now, until, limit);
  }

  async rescheduleErasure(id: string, at: number): Promise<void> {
    await this.#writable.write((trx) =>
      trx
        .updateTable('jobs')
        .set({ erase_at: at })
        .where('id', '=', id)
        .where('erase_at', 'is not', null)
        .execute(),
    );
  }

  async erase(id: string): Promise<void> {
    await this.#writable.write(async (trx) => {
      await trx
        .updateTable('idempotency_keys')
        .set((eb) => ({ forget_at: eb('created_at', '+', KEY_LIFETIME_MS) }))
        .where('job_id', '=', id)
        .execute();
      await trx.deleteFrom('job_updates').where('job_id', '=', id).execute();
      await trx.deleteFrom('jobs').where('id', '=', id).execute();
    });
  }

  async heartbeat(instance: string, now: number, ttlMs: number): Promise<number> {
    return this.#writable.write(async (trx) => {
      await trx
        .insertInto('instances')
        .values({ id: instance, seen_at: now })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at: now }))
        .execute();
      await trx
        .deleteFrom('instances')
        .where('seen_at', '<', now - 10 * ttlMs)
        .execute();
      const { n } = await trx
        .selectFrom('instances')
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .where('id', '!=', instance)
        .where('seen_at', '>', now - ttlMs)
        .executeTakeFirstOrThrow();
      return Number(n);
    });
  }

  async sayGoodbye(instance: string): Promise<void> {
    await this.#writable.write((trx) => trx.deleteFrom('instances').where('id', '=', instance).execute());
  }

  async changedSince(tenant: string, since: number, limit: number): Promise<readonly Job[]> {
    const rows = await this.#db
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

  async forgetIdempotencyKeys(now: number): Promise<void> {
    const due = await this.#db
      .selectFrom('idempotency_keys')
      .select('key')
      .where('forget_at', 'is not', null)
      .where('forget_at', '<=', now)
      .limit(1)
      .executeTakeFirst();
    if (due === undefined) return;
    await this.#writable.write((trx) =>
      trx
        .deleteFrom('idempotency_keys')
        .where('forget_at', 'is not', null)
        .where('forget_at', '<=', now)
        .execute(),
    );
  }

  /** Moves the due ones on before they are handed out, so that each is handed out once. */
  async #claim(
    column: 'archive_at' | 'erase_at',
    now: number,
    until: number,
    limit: number,
  ): Promise<readonly Job[]> {
    const due = (db: Kysely<Tables>) =>
      db
        .selectFrom('jobs')
        .where(column, 'is not', null)
        .where(column, '<=', now)
        .orderBy(column)
        .limit(limit);
    // Mostly nothing is due, and that is known without a write.
    if ((await due(this.#db).select('id').executeTakeFirst()) === undefined) return [];
    const database = this.#writable;
    return database.write(async (trx) => {
      const rows = await due(trx)
        .selectAll()
        .$if(database.canSkipLocked, (q) => q.forUpdate().skipLocked())
        .execute();
      for (const { id } of rows) {
        await trx
          .updateTable('jobs')
          .set({ [column]: until })
          .where('id', '=', id)
          .execute();
      }
      return rows.map(toJob);
    });
  }

  get #writable(): Database {
    if (this.#database === null) throw new Error('The job store is not started, or was stopped.');
    return this.#database;
  }

  get #db(): Kysely<Tables> {
    return this.#writable.db;
  }
}

async function saveIn(trx: Kysely<Tables>, change: Change): Promise<boolean> {
  const { job, update } = change;
  const { numUpdatedRows } = await trx
    .updateTable('jobs')
    .set(toChangedColumns(job))
    .where('id', '=', job.id)
    .where('version', '=', job.version - 1)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await trx.insertInto('job_updates').values(toUpdateRow(job.id, update)).execute();
  return true;
}

async function countWaiting(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom('jobs')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where(waits)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

async function countSlots(db: Kysely<Tables>, now: number): Promise<number> {
  const row = await db
    .selectFrom('jobs')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where(isOpen)
    .where('status', 'in', ['SUBMITTING', 'UNCONFIRMED', 'QUEUED', 'PROCESSING'])
    .where((eb) => eb.or([eb('slot_free_at', 'is', null), eb('slot_free_at', '>', now)]))
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

type Place = { readonly createdAt: number; readonly sequence: number };

function isBeyond(eb: ExpressionBuilder<Tables, 'jobs'>, side: '<' | '>', place: Place | undefined) {
  const { createdAt, sequence } = place ?? { createdAt: 0, sequence: 0 };
  return eb(eb.refTuple('created_at', 'sequence'), side, eb.tuple(createdAt, sequence));
}

async function exists<O>(
  matching: SelectQueryBuilder<Tables, 'jobs', O>,
  side: '<' | '>',
  place: Place,
): Promise<boolean> {
  const row = await matching
    .clearSelect()
    .select('id')
    .where((eb) => isBeyond(eb, side, place))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

function first(rows: readonly Parameters<typeof toJob>[0][]): Job | null {
  const [row] = rows;
  return row === undefined ? null : toJob(row);
}

export type { JobTable };
