/** Upgrades and rollbacks: a version meets tables of the release before and of the release after its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Migrator, sql } from 'kysely';
import { type Logger, pino } from 'pino';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../../src/services/store/database.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { migrate } from '../../../src/services/store/migrate.js';
import { releases } from '../../../src/services/store/migrations.js';
import { openPostgres } from '../../../src/services/store/postgres.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import { follow, submit } from '../../end-to-end/caller.js';
import { startGateway } from '../../harness.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../../services.js';
import { NOON, newJobOf } from '../jobs/samples.js';

const server = await postgresUrl();
const database: TestDatabase | null = server === null ? null : await withDatabase(server);
const dir = mkdtempSync(join(tmpdir(), 'migrate-'));
const log = pino({ level: 'silent' });

afterAll(async () => {
  await database?.drop();
  rmSync(dir, { recursive: true });
});

/** The newest migration of this version. */
const OWN = Object.keys(
  Object.assign({}, ...releases({ dialect: 'sqlite', autoIncrement: 'integer', time: 'integer' })),
).at(-1);

const drivers: readonly [name: string, open: (() => Promise<Database>) | null][] = [
  ['SQLite', () => openSqlite(join(dir, 'gateway.db'))],
  ['PostgreSQL', database && (() => openPostgres(database.url, { poolSize: 4, log }))],
];

describe.each(drivers)('tables in %s', (_name, given) => {
  describe.skipIf(given === null)('that are', () => {
    const open = given ?? (() => Promise.reject(new Error('skipped')));
    let lines: string[];
    let listening: Logger;

    beforeEach(() => {
      lines = [];
      const written = new PassThrough();
      written.on('data', (bytes: Buffer) => lines.push(String(bytes)));
      listening = pino({ level: 'info' }, written);
    });
    afterEach(async () => {
      rmSync(join(dir, 'gateway.db'), { force: true });
      await database?.empty();
    });

    /** Does something to the tables that this version would not. */
    async function prepare(work: (db: Database['db'], opened: Database) => Promise<void>): Promise<void> {
      const opened = await open();
      try {
        await work(opened.db, opened);
      } finally {
        await opened.close();
      }
    }

    const record = (db: Database['db'], name: string) =>
      sql`insert into kysely_migration (name, timestamp) values (${name}, '2030-01-01')`.execute(db);

    /** As the release after this one leaves them. */
    const changedByTheNext = (usableFrom: string) =>
      prepare(async (db, opened) => {
        await migrate(opened);
        await sql`alter table jobs add column of_the_future text`.execute(db);
        await record(db, '998-future');
        await record(db, '999-future');
        await sql`update compatibility set usable_from = ${usableFrom}`.execute(db);
      });

    const start = async () => {
      const store = createKyselyJobStore(open, listening);
      await store.start();
      await store.stop();
    };

    test('of the next release are used, and that is said in one line', async () => {
      await changedByTheNext(OWN ?? '');
      const store = createKyselyJobStore(open, listening);
      await store.start();
      const job = newJobOf('ann');
      await store.create(job, 10);
      expect(await store.lease(1, NOON, () => null)).toEqual([]);
      expect(await store.get(job.id)).toMatchObject({ status: 'WAITING' });
      await store.stop();
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        {
          msg: 'a newer version changed the tables; this version can still use them',
          migrations: ['998-future', '999-future'],
        },
      ]);
      // They stay the newer one's.
      await prepare(async (db) => {
        const { usable_from } = await db.selectFrom('compatibility').selectAll().executeTakeFirstOrThrow();
        expect(usable_from).toBe(OWN);
      });
    });

    test('of a release further on are refused by name', async () => {
      await changedByTheNext('998-future');
      await expect(start()).rejects.toThrow(
        /^its tables were changed by 999-future, of more than one release after this one; start a version that knows 998-future, or restore the backup$/,
      );
    });

    test('of some other program are refused by name', async () => {
      await prepare(async (db, opened) => {
        await migrate(opened);
        await record(db, '000-other');
      });
      await expect(start()).rejects.toThrow(
        /^its tables were changed by 000-other, which is not of this gateway$/,
      );
    });

    test('of the release before are brought up to date, and their open jobs go on', async () => {
      await prepare(async (db, { columnTypes }) => {
        const [before] = releases(columnTypes);
        const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...before }) } });
        expect((await migrator.migrateToLatest()).error).toBeUndefined();
        for (const [i, status] of (['WAITING', 'SUBMITTING', 'QUEUED', 'COMPLETED'] as const).entries()) {
          await insertAsBefore(db, status.toLowerCase(), status, i);
        }
      });
      const store = createKyselyJobStore(open, listening);
      await store.start();
      for (const status of ['WAITING', 'SUBMITTING', 'QUEUED', 'COMPLETED']) {
        expect(await store.get(status.toLowerCase())).toMatchObject({ status, tenant: 'ann' });
      }
      expect(await store.slots(2000)).toEqual({ used: 2, waiting: 1 });
      expect((await store.abandoned(5000, 10)).map(({ id }) => id)).toEqual(['submitting']);
      const polls = await store.claimPolls(5000, () => 6000, 10);
      expect(polls.map(({ id }) => id)).toEqual(['queued']);
      await store.stop();
      expect(lines).toEqual([]);
    });

    test('up to date are still usable by the release before', async () => {
      await prepare(async (db, opened) => {
        await migrate(opened);
        await insertAsBefore(db, 'old', 'WAITING', 1);
        await sql`update jobs set status = 'QUEUED', version = 2, provider_id = 'p' where id = 'old'`.execute(
          db,
        );
      });
      const store = createKyselyJobStore(open, listening);
      await store.start();
      expect(await store.get('old')).toMatchObject({ status: 'QUEUED', version: 2 });
      await store.stop();
    });
  });
});

/** What the release before wrote, in its own columns. */
async function insertAsBefore(db: Database['db'], id: string, status: string, turn: number): Promise<void> {
  const request = JSON.stringify({ kind: 'PRO', sourceImage: [], targetImage: [], faceEnhance: false });
  const finishedAt = status === 'COMPLETED' ? 1500 : null;
  const pollAt = status === 'QUEUED' ? 1200 : null;
  await sql`insert into jobs (id, tenant, status, version, turn, created_at, updated_at, finished_at, callback_token,
      attempts, sent_at, deadline_at, poll_at, archive_attempts, request)
    values (${id}, 'ann', ${status}, 1, ${turn}, 1000, 1000, ${finishedAt}, ${`t-${id}`},
      0, 1100, 9000000, ${pollAt}, 0, ${request})`.execute(db);
  await sql`insert into job_updates (job_id, version, status, at, source)
    values (${id}, 1, ${status}, 1000, 'CLIENT')`.execute(db);
}

test('a gateway that was rolled back serves', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rolled-back-'));
  const ahead = await startGateway({ dir: folder });
  await ahead.stop();
  const opened = await openSqlite(join(folder, 'gateway.db'));
  await sql`alter table jobs add column of_the_future text`.execute(opened.db);
  await sql`insert into kysely_migration (name, timestamp) values ('999-future', '2030-01-01')`.execute(
    opened.db,
  );
  await opened.close();
  const gateway = await startGateway({ dir: folder });
  const { id } = await submit(gateway.url);
  expect((await follow(gateway.url, id)).at(-1)?.status).toBe('COMPLETED');
  await gateway.stop();
  rmSync(folder, { recursive: true });
});
