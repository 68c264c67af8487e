/** Upgrades and rollbacks: a version runs on tables of the previous and of the next release. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type MigrationResultSet, Migrator, sql } from 'kysely';
import { type Logger, pino } from 'pino';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../../src/services/store/database.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { migrate } from '../../../src/services/store/migrate.js';
import { recordMigration } from '../../../src/services/store/migration-record.js';
import { releases } from '../../../src/services/store/migrations.js';
import { openPostgres } from '../../../src/services/store/postgres.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import { follow, submit } from '../../support/caller.js';
import { startGateway } from '../../support/harness.js';
import { NOON, newJobOf } from '../../support/samples.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../../support/services.js';

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

    /** Changes the tables in ways that this version would not. */
    async function prepare(work: (db: Database['db'], opened: Database) => Promise<void>): Promise<void> {
      const opened = await open();
      try {
        await work(opened.db, opened);
      } finally {
        await opened.close();
      }
    }

    /** Makes the tables look as the next release leaves them. */
    const changedByTheNext = (usableFrom: string) =>
      prepare(async (db, opened) => {
        await migrate(opened);
        await sql`alter table jobs add column of_the_future text`.execute(db);
        await recordMigration(db, '998-future');
        await recordMigration(db, '999-future');
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
      // The newer release's record is unchanged.
      await prepare(async (db) => {
        const { usable_from } = await db.selectFrom('compatibility').selectAll().executeTakeFirstOrThrow();
        expect(usable_from).toBe(OWN);
      });
    });

    test('of a release further on are refused by name', async () => {
      await changedByTheNext('998-future');
      await expect(start()).rejects.toThrow(
        /^its tables were changed by 999-future, which is more than one release newer; start a version that knows 998-future, or restore the backup$/,
      );
    });

    test('of some other program are refused by name', async () => {
      await prepare(async (db, opened) => {
        await migrate(opened);
        await recordMigration(db, '000-other');
      });
      await expect(start()).rejects.toThrow(
        /^its tables were changed by 000-other, which is not a migration of this gateway$/,
      );
    });

    test('without a column that is needed are refused by name', async () => {
      await prepare(async (db, opened) => {
        await migrate(opened);
        await sql`alter table jobs rename column announced_hold to announced`.execute(db);
      });
      await expect(start()).rejects.toThrow(
        /^its table jobs is not one that this version created or knows: .*announced_hold/,
      );
    });

    test('of the release before are brought up to date, and their open jobs go on', async () => {
      await prepare(async (db, opened) => {
        await startTheReleaseBefore(opened);
        for (const [i, status] of (['WAITING', 'SUBMITTING', 'QUEUED', 'COMPLETED'] as const).entries()) {
          await insertAsBefore(db, status.toLowerCase(), status, i);
        }
      });
      const store = createKyselyJobStore(open, listening);
      await store.start();
      for (const status of ['WAITING', 'SUBMITTING', 'QUEUED', 'COMPLETED']) {
        expect(await store.get(status.toLowerCase())).toMatchObject({ status, tenant: 'ann' });
      }
      const { jobs } = await store.list('ann', {}, { limit: 9, direction: 'forward' });
      expect(jobs.map(({ kind, requestBytes }) => [kind, requestBytes])).toEqual(
        Array(4).fill(['PRO', JSON.stringify(AS_BEFORE).length]),
      );
      expect((await store.requests(['waiting'])).get('waiting')).toEqual(AS_BEFORE);
      expect(jobs.map(({ reference, metadataBytes }) => [reference, metadataBytes])).toEqual(
        Array(4).fill([null, 0]),
      );
      expect(await store.slots(2000)).toEqual({ used: 2, waiting: 1 });
      expect((await store.abandoned(5000, 10)).map(({ id }) => id)).toEqual(['submitting']);
      const polls = await store.claimPolls(5000, () => 6000, 10);
      expect(polls.map(({ id }) => id)).toEqual(['queued']);
      await store.stop();
      expect(lines).toEqual([]);
    });

    test('up to date are still usable by the release before', async () => {
      await prepare(async (db, opened) => {
        await startTheReleaseBefore(opened);
        await migrate(opened);
        expect(await startTheReleaseBefore(opened)).toEqual({ results: [] });
        await insertAsBefore(db, 'old', 'WAITING', 1);
        await insertAsBefore(db, 'plus', 'WAITING', 2, { ...AS_BEFORE, kind: 'PLUS' });
        await sql`update jobs set status = 'QUEUED', version = 2, provider_id = 'p' where id = 'old'`.execute(
          db,
        );
      });
      const store = createKyselyJobStore(open, listening);
      await store.start();
      expect(await store.get('old')).toMatchObject({ status: 'QUEUED', version: 2, kind: 'PRO' });
      expect(await store.get('plus')).toMatchObject({ kind: 'PLUS', reference: null, metadataBytes: 0 });
      expect(await store.metadata(['old', 'plus'])).toEqual(new Map());
      await store.stop();
    });

    test('begun by this version are usable by the release before, with the record of docs/operating.md', async () => {
      await start();
      await prepare(async (db, opened) => {
        await sql`create table kysely_migration (name varchar(255) primary key, timestamp varchar(255) not null)`.execute(
          db,
        );
        await sql`insert into kysely_migration values ('001-jobs', '')`.execute(db);
        expect(await startTheReleaseBefore(opened)).toEqual({ results: [] });
        await insertAsBefore(db, 'old', 'WAITING', 1);
      });
      const store = createKyselyJobStore(open, listening);
      await store.start();
      expect(await store.get('old')).toMatchObject({ status: 'WAITING' });
      await store.stop();
    });
  });
});

/** SHA-256 of each file, because existing databases were migrated with exactly these. */
const FROZEN: Readonly<Record<string, string>> = {
  '001-jobs.ts': 'a81a071adb58294b240c9f0ec4f13c1c6bc9d5b83bb91ccdb63ab12807e6b2a2',
  '002-account-hold.ts': '669a33d925f40a3f61732a0f7b7e9abe708a69e3a126af0a07eb158c1c360caf',
  '003-changes.ts': 'f119adea70a46c88472cabc744f51228c997bf2710b39a7bbc423d6c100d8685',
  '004-compatibility.ts': '0562d6cd21645d8b72c9776284388390c091e90d6e4a5556870ab4c1ce04a5dd',
  '005-clock.ts': 'fe76a2bed2b7a20af03c3dab7e550be0360bf6ddebb695300c02ff6e014f03b5',
  '006-request.ts': '6a77dbeaad77cc22b94cf9cba55817ea10bceb4fa600c90ab9030f54bfd056d8',
  '007-uploads.ts': 'd4fd1fe8172d05550f035188c228ab3df7c44bc1f9be7216b5fd3c9faeea7f51',
  '008-labels.ts': 'aad9006c1be5a0009be30af2fa75b968be99b46af8b615b7d4cd6d6c88b24871',
};

test('migrations are as they were released', () => {
  const folder = fileURLToPath(new URL('../../../src/services/store/migrations', import.meta.url));
  const now = readdirSync(folder).map((file) => [
    file,
    createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex'),
  ]);
  expect(Object.fromEntries(now)).toEqual(FROZEN);
});

/** Uses only its own migrations, as Kysely's migrator requires. */
async function startTheReleaseBefore({ db, columnTypes }: Database): Promise<MigrationResultSet> {
  const [before] = releases(columnTypes);
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...before }) } });
  const ended = await migrator.migrateToLatest();
  if (ended.error !== undefined) throw ended.error;
  return ended;
}

const AS_BEFORE = { kind: 'PRO', sourceImage: [], targetImage: [], faceEnhance: false };

/** Inserts what the previous release wrote, in its columns. */
async function insertAsBefore(
  db: Database['db'],
  id: string,
  status: string,
  turn: number,
  request: object = AS_BEFORE,
): Promise<void> {
  const finishedAt = status === 'COMPLETED' ? 1500 : null;
  const pollAt = status === 'QUEUED' ? 1200 : null;
  await sql`insert into jobs (id, tenant, status, version, turn, created_at, updated_at, finished_at, callback_token,
      attempts, sent_at, deadline_at, poll_at, archive_attempts, request)
    values (${id}, 'ann', ${status}, 1, ${turn}, 1000, 1000, ${finishedAt}, ${`t-${id}`},
      0, 1100, 9000000, ${pollAt}, 0, ${JSON.stringify(request)})`.execute(db);
  await sql`insert into job_updates (job_id, version, status, at, source)
    values (${id}, 1, ${status}, 1000, 'CLIENT')`.execute(db);
}

describe.skipIf(database === null)(
  'another schema of PostgreSQL with the tables of a program on Kysely',
  () => {
    const urlOf = (...schemas: string[]): string => {
      const url = new URL(database?.url ?? '');
      url.searchParams.set('options', `-c search_path=${schemas.join(',')}`);
      return url.href;
    };
    const opened = async <T>(url: string, work: (database: Database) => Promise<T>): Promise<T> => {
      const one = await openPostgres(url, { poolSize: 4, log });
      return work(one).finally(() => one.close());
    };
    const tablesIn = (schema: string) =>
      opened(urlOf(schema), async ({ db }) => {
        const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
        return tables.filter((table) => table.schema === schema).map(({ name }) => name);
      });
    const inUse = async (url: string): Promise<void> => {
      const store = createKyselyJobStore(() => openPostgres(url, { poolSize: 4, log }));
      await store.start();
      await store.create(newJobOf('ann'), 10);
      await store.stop();
    };

    beforeEach(async () => {
      await opened(urlOf('public'), async ({ db }) => {
        await sql`create schema other`.execute(db);
        const migrations = { '2020-theirs': { up: async () => {} } };
        const theirs = new Migrator({
          db,
          migrationTableSchema: 'other',
          provider: { getMigrations: async () => migrations },
        });
        expect((await theirs.migrateToLatest()).error).toBeUndefined();
      });
    });
    afterEach(async () => {
      await opened(urlOf('public'), ({ db }) => sql`drop schema other cascade`.execute(db));
      await database?.empty();
    });

    const THEIRS = ['kysely_migration', 'kysely_migration_lock'];

    test.each(['public', 'other'])('can come after us, into %s', async (schema) => {
      await opened(urlOf('public'), ({ db }) => sql`drop schema other cascade`.execute(db));
      await inUse(urlOf('public'));
      await opened(urlOf('public'), ({ db }) => sql`create schema other`.execute(db));
      await opened(urlOf(schema), async ({ db }) => {
        const migrations = { '2020-theirs': { up: async () => {} } };
        const theirs = new Migrator({ db, provider: { getMigrations: async () => migrations } });
        expect((await theirs.migrateToLatest()).error).toBeUndefined();
      });
      await inUse(urlOf('public'));
    });

    test.each(['public', 'public,other'])('is left alone by a new installation in %s', async (path) => {
      await inUse(urlOf(path));
      expect(await tablesIn('public')).toContain('jobs');
      expect(await tablesIn('other')).toEqual(THEIRS);
    });

    test('can be where a new installation is as well', async () => {
      await inUse(urlOf('other,public'));
      await inUse(urlOf('other,public'));
      expect(await tablesIn('public')).toEqual([]);
      expect(await tablesIn('other')).toEqual(expect.arrayContaining([...THEIRS, 'jobs']));
      const theirs = await opened(urlOf('other'), ({ db }) =>
        db.selectFrom('kysely_migration').select('name').execute(),
      );
      expect(theirs).toEqual([{ name: '2020-theirs' }]);
    });

    describe('and a table like one of ours', () => {
      beforeEach(() =>
        opened(urlOf('other'), async ({ db }) => {
          await sql`create table jobs (id integer primary key)`.execute(db);
        }),
      );

      test('is left alone by a new installation in a schema before it', async () => {
        await inUse(urlOf('public,other'));
        await inUse(urlOf('public,other'));
        expect(await tablesIn('public')).toContain('job_updates');
        expect(await tablesIn('other')).toEqual(['jobs', ...THEIRS]);
      });

      test('stops a start where it hides ours, by name', async () => {
        await inUse(urlOf('public'));
        await expect(inUse(urlOf('other,public'))).rejects.toThrow(
          /^other\.jobs hides a table of the gateway; put public first in search_path$/,
        );
        expect(await tablesIn('other')).toEqual(['jobs', ...THEIRS]);
      });
    });

    test('can come first in view after the release before made our tables', async () => {
      await opened(urlOf('public'), async ({ db, columnTypes }) => {
        const [before] = releases(columnTypes);
        for (const [name, migration] of Object.entries(before ?? {})) {
          await migration.up(db);
          await sql`create table kysely_migration (name varchar(255), timestamp varchar(255))`.execute(db);
          await db.insertInto('kysely_migration').values({ name, timestamp: '2020-01-01' }).execute();
        }
        await insertAsBefore(db, 'old', 'WAITING', 1);
      });
      await inUse(urlOf('other,public'));
      await inUse(urlOf('other,public'));
      expect(await tablesIn('other')).toEqual(THEIRS);
      const jobs = await opened(urlOf('public'), ({ db }) => db.selectFrom('jobs').select('id').execute());
      expect(jobs).toHaveLength(3);
    });
  },
);

test('a gateway that was rolled back serves', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rolled-back-'));
  const ahead = await startGateway({ dir: folder });
  await ahead.stop();
  const opened = await openSqlite(join(folder, 'gateway.db'));
  await sql`alter table jobs add column of_the_future text`.execute(opened.db);
  await recordMigration(opened.db, '999-future');
  await opened.close();
  const gateway = await startGateway({ dir: folder });
  const { id } = await submit(gateway.url);
  expect((await follow(gateway.url, id)).at(-1)?.status).toBe('COMPLETED');
  await gateway.stop();
  rmSync(folder, { recursive: true });
});
