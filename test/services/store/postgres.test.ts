/** The job store over PostgreSQL: the common contract, on a clean database for each test. */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { afterRefusal } from '../../../src/services/jobs/account-hold.js';
import type { Job } from '../../../src/services/jobs/job.js';
import type { JobStore, Trial } from '../../../src/services/jobs/job-store.js';
import { transition } from '../../../src/services/jobs/transition.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openPostgres } from '../../../src/services/store/postgres.js';
import { Gate, until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { NOON, newJobOf, refusal } from '../../support/samples.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../../support/services.js';
import { describeJobStore } from './job-store.contract.js';
import { describeUploadStore } from './upload-store.contract.js';

const url = await postgresUrl();
const log = pino({ level: 'silent' });
const storeOn = (database: string) =>
  createKyselyJobStore(() => openPostgres(database, { poolSize: 4, log }));

/** One part of two instances, called in turn. */
function inTurn<Part extends object>(parts: readonly [Part, Part]): Part {
  let calls = 0;
  return new Proxy(parts[0], {
    get: (_, name) => {
      const part = parts[calls++ % 2 === 0 ? 0 : 1];
      const member: unknown = Reflect.get(part, name);
      return typeof member === 'function' ? member.bind(part) : member;
    },
  });
}

/** Two instances that are called in turn, and started and stopped together. */
function inTurnTogether(stores: readonly [JobStore, JobStore]): JobStore {
  const all = async (step: (store: JobStore) => Promise<void>) => void (await Promise.all(stores.map(step)));
  return withMethods(inTurn<JobStore>(stores), {
    start: () => all((store) => store.start()),
    stop: () => all((store) => store.stop()),
  });
}

describe.skipIf(url === null)('over PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await withDatabase(url ?? '');
  });
  afterEach(() => database.clear());
  afterAll(() => database.drop());

  describe('by two instances in turn', () => {
    /** Started once for all tests, because new connections cost more than most tests. A test may stop them. */
    let stores: readonly [ReturnType<typeof storeOn>, ReturnType<typeof storeOn>];
    const start = async (): Promise<void> => {
      stores = [storeOn(database.url), storeOn(database.url)];
      await Promise.all(stores.map((store) => store.start()));
    };
    const stop = async () => void (await Promise.all(stores.map((store) => store.stop())));
    const ensureStarted = () => Promise.all(stores.map((store) => store.ping())).catch(start);
    beforeAll(start);
    afterAll(stop);

    describeJobStore('PostgreSQL', async () => {
      await ensureStarted();
      return {
        store: inTurnTogether(stores),
        exclusive: false,
        reopen: async () => {
          await stop();
          await start();
          return inTurnTogether(stores);
        },
        close: async () => {},
      };
    });

    describeUploadStore('PostgreSQL', async () => {
      await ensureStarted();
      return {
        jobs: inTurn(stores),
        uploads: inTurn([stores[0].uploads, stores[1].uploads]),
        close: async () => {},
      };
    });
  });

  test('ten instances that start at once bring the tables up to date together', async () => {
    await database.empty();
    const stores = Array.from({ length: 10 }, () => storeOn(database.url));
    try {
      await Promise.all(stores.map((store) => store.start()));
      await Promise.all(stores.map((store) => store.create(newJobOf('ann', { id: randomUUID() }), 100)));
      expect((await stores[0]?.slots(NOON))?.waiting).toBe(10);
    } finally {
      await Promise.all(stores.map((store) => store.stop()));
    }
  });

  test('one idempotency key used on many instances at once makes one job', async () => {
    const stores = Array.from({ length: 3 }, () => storeOn(database.url));
    try {
      await Promise.all(stores.map((store) => store.start()));
      const idempotency = { key: 'once', fingerprint: 'same' };
      const made = await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          stores[i % 3]?.create(newJobOf('ann', { id: randomUUID(), idempotency }), 100),
        ),
      );
      expect(made.filter((created) => created?.kind === 'created')).toHaveLength(1);
      expect(made.filter((created) => created?.kind === 'duplicate')).toHaveLength(29);
    } finally {
      await Promise.all(stores.map((store) => store.stop()));
    }
  });

  test('a slot is never given twice, however many instances lease at once', async () => {
    const stores = Array.from({ length: 3 }, () => storeOn(database.url));
    try {
      await Promise.all(stores.map((store) => store.start()));
      for (let i = 0; i < 20; i += 1) await stores[0]?.create(newJobOf('ann', { id: randomUUID() }), 100);
      const leases = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          stores[i % 3]?.lease(5, NOON, (job) =>
            transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + 1 }),
          ),
        ),
      );
      const leased = leases.flatMap((jobs) => jobs ?? []);
      expect(leased).toHaveLength(5);
      expect(new Set(leased.map(({ id }) => id)).size).toBe(5);
    } finally {
      await Promise.all(stores.map((store) => store.stop()));
    }
  });

  test('what another instance has in hand is passed over, not waited for', async () => {
    const store = storeOn(database.url);
    const other = new Client({ connectionString: database.url });
    const lease = (trial: Trial | null = null) =>
      store.lease(5, NOON, (job) => transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + 1 }), {
        trial,
      });
    const accept = async (job: Job) => {
      const ids = { providerId: job.id, providerJobId: null };
      const change = transition(job, { type: 'accepted', at: NOON, pollAt: NOON, ...ids });
      expect(change && (await store.save(change))).toBe(true);
    };
    try {
      await store.start();
      await other.connect();
      const [held, free] = [newJobOf('ann'), newJobOf('ann')];
      for (const job of [held, free]) await store.create(job, 10);
      const inHand = async <T>(work: () => Promise<T>): Promise<T> => {
        await other.query('begin');
        await other.query('select from jobs where id = $1 for update', [held.id]);
        return work().finally(() => other.query('rollback'));
      };
      const ids = (jobs: readonly Job[]) => jobs.map(({ id }) => id);
      const first = await inHand(() => lease());
      expect(ids(first)).toEqual([free.id]);
      await store.changeAccountHold(() =>
        afterRefusal(null, { reason: 'ACCOUNT', error: refusal, pictures: 1, isTrial: false, at: NOON }),
      );
      expect(await inHand(() => lease('any'))).toEqual([]);
      const tried = await lease('any');
      expect(ids(tried)).toEqual([held.id]);
      for (const job of [...first, ...tried]) await accept(job);
      const claim = () => store.claimPolls(NOON, () => NOON + 1, 5);
      expect(ids(await inHand(claim))).toEqual([free.id]);
      expect(ids(await claim())).toEqual([held.id]);
    } finally {
      await other.end();
      await store.stop();
    }
  });

  test("the queue is one instance's at a time, whatever that does with it", async () => {
    const store = storeOn(database.url);
    const [other, watcher] = [database.url, database.url].map(
      (connectionString) => new Client({ connectionString }),
    ) as [Client, Client];
    const waits = `select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    try {
      await store.start();
      await Promise.all([other.connect(), watcher.connect()]);
      await store.create(newJobOf('ann'), 10);
      for (const use of [
        () => store.create(newJobOf('ann'), 10),
        () => store.lease(1, NOON, () => null),
        () => store.changeAccountHold(() => null),
        () => store.readClock(() => ({ due: 0, strayPolls: 0, isNoted: true })),
      ]) {
        await other.query('begin');
        await other.query('select from queue for update');
        const using = use().then(() => 'used');
        const waiting = until(async () => (await watcher.query(waits)).rowCount === 1).then(() => 'waits');
        expect(await Promise.race([using, waiting]), `${use}`).toBe('waits');
        await other.query('commit');
        await using;
      }
    } finally {
      await Promise.all([other.end(), watcher.end()]);
      await store.stop();
    }
  });

  test('a transaction that falls silent gives back what it has locked, and is made again', async () => {
    const silent = await openPostgres(database.url, { poolSize: 1, log });
    const store = storeOn(database.url);
    const gate = new Gate();
    try {
      await store.start();
      const writing = silent.write(async (trx) => {
        await silent.lockQueue(trx);
        await gate.pass();
        return 'written';
      });
      await gate.arrived();
      expect(await store.create(newJobOf('ann'), 10)).toMatchObject({ kind: 'created' });
      gate.open();
      expect(await writing).toBe('written');
    } finally {
      gate.open();
      await Promise.all([silent.close(), store.stop()]);
    }
  });

  test('a change that is committed later has a higher number, though it was made earlier, by the version before', async () => {
    const store = storeOn(database.url);
    const other = new Client({ connectionString: database.url });
    try {
      await store.start();
      await other.connect();
      const slow = newJobOf('ann');
      const quick = newJobOf('ann');
      await store.create(slow, 10);
      const from = await store.lastChange();
      // The only trace of a change that the previous version leaves.
      await other.query('begin');
      await other.query('update jobs set version = version + 1 where id = $1', [slow.id]);
      await store.create(quick, 10);
      const { changed: seen } = await store.readChanges('ann', from.number, 10);
      expect(seen.map(({ id }) => id)).toEqual([quick.id]);
      await other.query('commit');
      const { changed: later } = await store.readChanges('ann', seen[0]?.place.number ?? 0, 10);
      expect(later.map(({ id }) => id)).toEqual([slow.id]);
    } finally {
      await other.end();
      await store.stop();
    }
  });

  test('no change gets a number while one with a lower number is not to be seen yet', async () => {
    const store = storeOn(database.url);
    const [other, watcher] = [database.url, database.url].map(
      (connectionString) => new Client({ connectionString }),
    ) as [Client, Client];
    try {
      await store.start();
      await Promise.all([other.connect(), watcher.connect()]);
      const [first, second] = [newJobOf('ann'), newJobOf('ann')];
      await store.create(first, 10);
      const from = await store.lastChange();
      await other.query('begin');
      await other.query('update jobs set version = version + 1 where id = $1', [first.id]);
      // From here on, the change has its number.
      await other.query('set constraints all immediate');
      const made = store.create(second, 10).then(() => 'made');
      const waits = `select from pg_locks join pg_database on database = pg_database.oid
        where locktype = 'advisory' and not granted and datname = current_database()`;
      const waiting = until(async () => (await watcher.query(waits)).rowCount === 1).then(() => 'waits');
      expect(await Promise.race([made, waiting])).toBe('waits');
      await other.query('commit');
      await made;
      const { changed } = await store.readChanges('ann', from.number, 10);
      expect(changed.map(({ id }) => id)).toEqual([first.id, second.id]);
    } finally {
      await Promise.all([other.end(), watcher.end()]);
      await store.stop();
    }
  });

  test('whoever goes on from the last number seen misses no change, however many write at once', async () => {
    const stores = Array.from({ length: 3 }, () => storeOn(database.url));
    try {
      await Promise.all(stores.map((store) => store.start()));
      const made = new Set<string>();
      const seen = new Set<string>();
      let isDone = false;
      const reading = (async () => {
        for (let after = 0, isLast = false; !isLast; ) {
          isLast = isDone;
          const { changed = [] } = (await stores[0]?.readChanges('ann', after, 1000)) ?? {};
          for (const { id } of changed) seen.add(id);
          after = changed.at(-1)?.place.number ?? after;
        }
      })();
      const writing = stores.map(async (store) => {
        for (let i = 0; i < 40; i += 1) {
          const job = newJobOf('ann');
          made.add(job.id);
          await store.create(job, 1000);
        }
      });
      await Promise.all(writing);
      isDone = true;
      await reading;
      expect(seen).toEqual(made);
    } finally {
      await Promise.all(stores.map((store) => store.stop()));
    }
  });

  test('a connection that leads to a standby by now is noticed, and used no more', async () => {
    const opened = await openPostgres(database.url, { poolSize: 1, log });
    const store = createKyselyJobStore(async () => opened);
    try {
      await store.start();
      // As if PgBouncer had switched to another server.
      await sql`set session characteristics as transaction read only`.execute(opened.db);
      await expect(store.ping()).rejects.toMatchObject({ code: '25006' });
      await store.ping();
    } finally {
      await store.stop();
    }
  });

  test('connections that are lost, in use or not, cost the operations on them and nothing else', async () => {
    const store = storeOn(database.url);
    try {
      await store.start();
      /** Whether every connection of the pool works. */
      const answers = async (): Promise<boolean> => {
        const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => store.ping()));
        return outcomes.every(({ status }) => status === 'fulfilled');
      };
      for (let round = 0; round < 3; round += 1) {
        const asked = Promise.allSettled(Array.from({ length: 40 }, () => store.ping()));
        await database.cutConnections();
        await asked;
        await until(answers);
        await database.cutConnections();
        await until(answers);
      }
    } finally {
      await store.stop();
    }
  });
});
