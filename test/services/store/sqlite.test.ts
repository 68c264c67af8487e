import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { CompiledQuery, SqliteQueryCompiler, sql } from 'kysely';
import Libsql from 'libsql';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest';
import { JOB_STATUSES } from '../../../src/services/jobs/job.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import { NO_LABELS } from '../../../src/services/jobs/labels.js';
import { transition } from '../../../src/services/jobs/transition.js';
import type { Database } from '../../../src/services/store/database.js';
import { DatabaseInUseError } from '../../../src/services/store/database-errors.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import { HOUR, historyOf, NOON, newJobOf } from '../../support/samples.js';
import { describeJobStore } from './job-store.contract.js';
import { QueryRecorder } from './query-recorder.js';
import { describeUploadStore } from './upload-store.contract.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

function storeOn(file: string): ReturnType<typeof createKyselyJobStore> {
  return createKyselyJobStore(() => openSqlite(file));
}

describeJobStore('SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'store-'));
  const file = join(dir, 'gateway.db');
  let current = storeOn(file);
  await current.start();
  return {
    store: current,
    exclusive: true,
    reopen: async () => {
      await current.stop();
      current = storeOn(file);
      await current.start();
      return current;
    },
    close: async () => {
      await current.stop();
      rmSync(dir, { recursive: true });
    },
  };
});

describeUploadStore('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'));
  const jobs = createKyselyJobStore(() => openSqlite(join(folder, 'gateway.db')));
  await jobs.start();
  return {
    jobs,
    uploads: jobs.uploads,
    close: async () => {
      await jobs.stop();
      rmSync(folder, { recursive: true });
    },
  };
});

let dir: string;
const opened: JobStore[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'store-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.stop()));
  rmSync(dir, { recursive: true });
});

async function start(store: JobStore): Promise<JobStore> {
  opened.push(store);
  await store.start();
  return store;
}

describe('a SQLite file', () => {
  test('is made where it is wanted, folders included', async () => {
    const file = join(dir, 'not', 'yet', 'gateway.db');
    await start(storeOn(file));
    expect(existsSync(file)).toBe(true);
  });

  test("is its user's alone, and so are the files beside it", async () => {
    const folder = join(dir, 'private');
    const store = storeOn(join(folder, 'gateway.db'));
    await store.start();
    const modes = readdirSync(folder).map((file) => statSync(join(folder, file)).mode & 0o777);
    await store.stop();
    expect(modes.length).toBeGreaterThan(1);
    expect(new Set(modes)).toEqual(new Set([0o600]));
  });

  test('takes an older database from everybody else, and leaves its group what it has', async () => {
    const file = join(dir, 'gateway.db');
    for (const [before, after] of [
      [0o644, 0o640],
      [0o666, 0o660],
      [0o600, 0o600],
    ] as const) {
      writeFileSync(file, '');
      chmodSync(file, before);
      const { close } = await openSqlite(file);
      await close();
      expect(statSync(file).mode & 0o777).toBe(after);
    }
  });

  test('is one file again after stopping', async () => {
    const store = await start(storeOn(join(dir, 'gateway.db')));
    await store.create(newJobOf('ann'), 10);
    await store.stop();
    expect(readdirSync(dir)).toEqual(['gateway.db']);
  });

  test('commits to disk before it reports, and holds the file alone', async () => {
    const { db, close } = await openSqlite(join(dir, 'gateway.db'));
    const pragma = async (name: string) => {
      const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(db);
      return Object.values(rows[0] ?? {})[0];
    };
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2);
    expect(await pragma('locking_mode')).toBe('exclusive');
    await close();
  });

  test('holds, as copied at any moment, everything that was acknowledged until then', async () => {
    const file = join(dir, 'gateway.db');
    const store = await start(storeOn(file));
    const jobs = Array.from({ length: 50 }, () => newJobOf('ann'));
    await Promise.all(jobs.map((job) => store.create(job, 1000)));
    const elsewhere = join(dir, 'copy');
    mkdirSync(elsewhere);
    for (const name of readdirSync(dir)) {
      if (name.startsWith('gateway.db')) cpSync(join(dir, name), join(elsewhere, name));
    }
    const copy = await start(storeOn(join(elsewhere, 'gateway.db')));
    for (const { id } of jobs) expect(await copy.get(id)).toEqual(await store.get(id));
  });

  test('can be opened by one store at a time', async () => {
    const file = join(dir, 'gateway.db');
    const first = await start(storeOn(file));
    const { job } = (await first.create(newJobOf('ann'), 10)) as { job: { id: string } };
    const refused = storeOn(file).start();
    await expect(refused).rejects.toBeInstanceOf(DatabaseInUseError);
    await expect(refused).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
    await expect(refused).rejects.toThrow(/gateway\.db is in use by another gateway; stop it, or give/);
    expect(await first.get(job.id)).not.toBeNull();
    await first.stop();
    const second = await start(storeOn(file));
    expect(await second.get(job.id)).not.toBeNull();
  });
});

describe('a process that writes and is killed', () => {
  /** Below node_modules, so that the packages are found from there. */
  const built = join(ROOT, 'node_modules', '.cache', `store-test-${process.pid}`);
  const program = join(built, 'killed-writer.mjs');

  beforeAll(async () => {
    await build({
      entryPoints: [join(ROOT, 'test', 'services', 'store', 'killed-writer.ts')],
      outfile: program,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    });
  });
  afterAll(() => rmSync(built, { recursive: true }));

  test('holds the file against others while it lives, and leaves everything acknowledged behind', async () => {
    const file = join(dir, 'gateway.db');
    const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const acknowledged = new Map<string, number>();
    let lines = 0;
    for await (const line of createInterface(child.stdout)) {
      if (line === 'open') {
        await expect(storeOn(file).start()).rejects.toBeInstanceOf(DatabaseInUseError);
        continue;
      }
      const [id = '', version = ''] = line.split(' ');
      acknowledged.set(id, Math.max(Number(version), acknowledged.get(id) ?? 0));
      lines += 1;
      if (lines === 300) child.kill('SIGKILL');
    }
    await ended;
    expect(child.signalCode).toBe('SIGKILL');
    expect(lines).toBeGreaterThanOrEqual(300);
    const store = await start(storeOn(file));
    for (const [id, version] of acknowledged) {
      const job = await store.get(id);
      expect(job?.version).toBeGreaterThanOrEqual(version);
      const history = await historyOf(store, id);
      expect(history.map((update) => update.version)).toEqual(
        Array.from({ length: job?.version ?? 0 }, (_, i) => i + 1),
      );
    }
  });
});

test('requests stand behind everything else of a job, which would have to be reached through them', async () => {
  await (await start(storeOn(join(dir, 'gateway.db')))).stop();
  const database = new Libsql(join(dir, 'gateway.db'));
  const columns = database.prepare('select name from pragma_table_info(?)').all('jobs');
  database.close();
  expect(columns.at(-1)).toEqual({ name: 'request' });
});

describe('what is prepared', () => {
  /** The SQL of the statements that the driver prepares during `work`. */
  async function preparedBy(work: (store: JobStore) => Promise<unknown>): Promise<ReadonlySet<string>> {
    const store = await start(storeOn(join(dir, 'gateway.db')));
    const prepare = vi.spyOn(Libsql.prototype, 'prepare');
    onTestFinished(() => prepare.mockRestore());
    await work(store);
    return new Set(prepare.mock.calls.map(([text]) => text));
  }

  const upTo = (most: number): readonly number[] => Array.from({ length: most }, (_, i) => i + 1);
  const ids = upTo(200).map(String);
  const forward = { limit: 20, direction: 'forward' } as const;

  test.each<[string, number, (store: JobStore) => Promise<unknown>]>([
    [
      'versions of up to 200 jobs',
      9,
      (store) => Promise.all(ids.map((_, i) => store.versions(ids.slice(0, i + 1)))),
    ],
    [
      'positions of up to 200 jobs',
      6,
      (store) => Promise.all(ids.map((_, i) => store.queuePositions(ids.slice(0, i + 1)))),
    ],
    [
      'lists of jobs in up to 300 statuses, most of them said again and again',
      JOB_STATUSES.length,
      (store) =>
        Promise.all(
          upTo(300).map((n) =>
            store.list('ann', { status: upTo(n).map((i) => JOB_STATUSES[i % 8] ?? 'WAITING') }, forward),
          ),
        ),
    ],
  ])('does not grow with the number of values: %s', async (_what, most, work) => {
    expect((await preparedBy(work)).size).toBeLessThanOrEqual(most);
  });

  test('lists of any length find what is in them, and nothing else', async () => {
    const store = await start(storeOn(join(dir, 'gateway.db')));
    const jobs = await Promise.all(
      upTo(9).map(async (n) => {
        const created = await store.create(newJobOf('ann', { at: NOON + n }), 100);
        return created.kind === 'created' ? created.job.id : '';
      }),
    );
    for (const n of upTo(9)) {
      const some = jobs.slice(0, n);
      expect([...(await store.versions([...some, 'unknown'])).keys()].sort()).toEqual([...some].sort());
      expect((await store.queuePositions(some)).size).toBe(n);
    }
    const { jobs: found } = await store.list('ann', { status: ['WAITING', 'FAILED', 'WAITING'] }, forward);
    expect(found.length).toBe(9);
  });
});

const CLAIM = { id: 'claim', now: NOON, until: NOON };

describe('the queries that run all the time', () => {
  let recorder: QueryRecorder;
  let database: Database;
  let store: ReturnType<typeof storeOn>;

  beforeEach(async () => {
    database = await openSqlite(join(dir, 'gateway.db'));
    recorder = new QueryRecorder();
    store = createKyselyJobStore(async () => ({
      ...database,
      db: database.db.withPlugin(recorder),
      write: (work) => database.write((trx) => work(trx.withPlugin(recorder))),
      // libsql considers an EXPLAIN an open transaction, which prevents a clean close.
      close: () => database.db.destroy(),
    }));
    await start(store);
    recorder.queries.length = 0;
  });

  /** SQLite's plans for the reads in `work`, one string per read. */
  async function plansOf(work: () => Promise<unknown>): Promise<string[]> {
    recorder.queries.length = 0;
    await work();
    const reads = recorder.queries.splice(0).filter(({ kind }) => kind === 'SelectQueryNode');
    expect(reads.length).toBeGreaterThan(0);
    const plans: string[] = [];
    for (const node of reads) {
      const query = new SqliteQueryCompiler().compileQuery(node, { queryId: 'plan' });
      // The compiled query has placeholder objects instead of values; this does not change the plan.
      const values = query.parameters.map((value) => (typeof value === 'object' ? null : value));
      const explain = CompiledQuery.raw(`explain query plan ${query.sql}`, values);
      const { rows } = await database.db.executeQuery<{ detail: string }>(explain);
      // A select of nothing but subqueries "scans" the single row that it produces.
      const steps = rows.map(({ detail }) => detail).filter((step) => step !== 'SCAN CONSTANT ROW');
      plans.push(steps.join('; '));
    }
    return plans;
  }

  const leaseAll = () =>
    store.lease(1000, NOON, (job) => transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + HOUR }));

  test.each<[string, RegExp, () => Promise<unknown>]>([
    ['the next to be leased', /jobs_open \(status=\?\)/, leaseAll],
    ['the slots', /jobs_open \(status=\?\)/, () => store.slots(NOON)],
    ['results to be kept', /jobs_archive \(archive_at/, () => store.claimArchives(NOON, NOON, 4)],
    ['jobs to be erased', /jobs_erase \(erase_at/, () => store.claimErasures(NOON, NOON, 4)],
    ['jobs that finished long ago', /jobs_finished \(finished_at/, () => store.finishedBefore(NOON, 100)],
    ['the last change', /job_changes/, () => store.lastChange()],
    ['due polls', /jobs_poll \(poll_at/, () => store.claimPolls(NOON, () => NOON, 50)],
    ['abandoned jobs', /jobs_open \(status=\?\)/, () => store.abandoned(NOON, 100)],
    [
      'a page of jobs',
      /jobs_newest \(tenant=\?/,
      () =>
        store.list('ann', {}, { limit: 20, direction: 'forward', after: { createdAt: NOON, sequence: 5 } }),
    ],
    [
      'a page of jobs, backward',
      /jobs_newest \(tenant=\?/,
      () =>
        store.list('ann', {}, { limit: 20, direction: 'backward', before: { createdAt: NOON, sequence: 5 } }),
    ],
    [
      'a page of jobs in one status',
      /jobs_status \(tenant=\? AND status=\?/,
      () => store.list('ann', { status: ['COMPLETED'] }, { limit: 20, direction: 'forward' }),
    ],
    [
      'a page of jobs since a moment',
      /jobs_newest \(tenant=\? AND created_at>\?/,
      () => store.list('ann', { createdAfter: NOON }, { limit: 20, direction: 'forward' }),
    ],
    ['the job of a webhook address', /callback_token=\?/, () => store.getByCallbackToken('token')],
    ['a job', /INDEX \S+ \(id=\?\)/, () => store.get('id')],
    ['a history', /\(job_id=\?\)/, () => historyOf(store, 'id')],
    ['uploads that expire', /uploads_expiry \(expires_at/, () => store.uploads.expire(NOON, HOUR, 100)],
    ['uploads to be erased', /uploads_erase \(erase_at/, () => store.uploads.claimErasures(NOON, NOON, 9)],
    ['an upload that is served', /\(name=\?\)/, () => store.uploads.findServed('name')],
    ['uploads by name', /\(name=\?\)/, () => store.uploads.findNamed('ann', ['name'])],
    ['a permission to send', /\(put_token=\?\)/, () => store.uploads.begin('token', CLAIM)],
    [
      'the same bytes',
      /uploads_sent \(tenant=\? AND sent_sha256=\?/,
      () => store.uploads.handOut('ann', 'x', 0),
    ],
    ['the uploads of a job', /job_uploads_job \(job_id=\?\)/, () => store.uploads.release(['id'], NOON)],
    ['the room of a tenant', /uploads_newest \(tenant=\?\)/, () => store.uploads.usage('ann', NOON)],
    [
      'a page of uploads',
      /uploads_newest \(tenant=\?/,
      () =>
        store.uploads.list('ann', {
          limit: 20,
          direction: 'forward',
          after: { createdAt: NOON, sequence: 5 },
        }),
    ],
  ])('find %s by an index, and need no sorting', async (_, index, work) => {
    for (const plan of await plansOf(work)) {
      if (plan.includes('queue')) continue;
      expect(plan).toMatch(index);
      expect(plan).not.toMatch(/SCAN (?!queue)/);
      expect(plan).not.toContain('TEMP B-TREE');
    }
  });

  test.each([
    ['forward', 'after'],
    ['backward', 'before'],
  ] as const)('go through no other jobs for a page of several statuses, %s', async (direction, beyond) => {
    const [first] = await Promise.all([1, 2, 3].map(() => store.create(newJobOf('ann'), 1000)));
    if (first?.kind !== 'created') throw new Error(first?.kind);
    const filter = { status: ['FAILED', 'WAITING', 'COMPLETED'], createdAfter: NOON - 1 } as const;
    const plans = [
      ...(await plansOf(() => store.list('ann', filter, { limit: 1, direction }))),
      ...(await plansOf(() => store.list('ann', filter, { limit: 1, direction, [beyond]: first.job }))),
    ];
    for (const plan of plans) {
      // Only the few rows found are sorted.
      expect(plan.match(/jobs_status \(tenant=\? AND status=\? AND [^)]*\)(?!; USE TEMP)/g)).toHaveLength(3);
      expect(plan).not.toContain('jobs_newest');
    }
  });

  test.each([
    [{ reference: 'order 66' }, 8],
    [{ reference: 'order 66', status: ['FAILED', 'WAITING'], createdAfter: NOON - 1 }, 2],
  ] as const)('go through no other jobs for a page of those of a reference: %j', async (filter, statuses) => {
    const labels = { ...NO_LABELS, reference: 'order 66' };
    await Promise.all([1, 2].map(() => store.create(newJobOf('ann', { labels }), 1000)));
    const plans = await plansOf(() => store.list('ann', filter, { limit: 1, direction: 'forward' }));
    const index = /jobs_reference \(tenant=\? AND reference=\? AND status=\?[^)]*\)(?!; USE TEMP)/g;
    for (const plan of plans) {
      expect(plan.match(index)).toHaveLength(statuses);
      expect(plan).not.toMatch(/jobs_newest|jobs_status/);
    }
  });

  test('go by one bound on each side, because all jobs between two of them would be gone through', async () => {
    const place = { createdAt: NOON, sequence: 5 };
    const filter = { createdAfter: NOON - HOUR, createdBefore: NOON + HOUR };
    const page = { limit: 20, direction: 'forward', after: place, before: place } as const;
    await store.list('ann', filter, page);
    const texts = recorder.queries.map(
      (node) => new SqliteQueryCompiler().compileQuery(node, { queryId: 'text' }).sql,
    );
    expect(texts).toHaveLength(1);
    expect(texts[0]?.match(/[<>]/g)?.sort()).toEqual(['<', '>']);
  });

  test('find what changed for a tenant, and the jobs of it, by indexes', async () => {
    await store.create(newJobOf('ann'), 1000);
    const [plan] = await plansOf(() => store.readChanges('ann', 0, 500));
    expect(plan).toMatch(/job_changes_tenant \(tenant=\? AND number>\?\)/);
    expect(plan).toMatch(/INDEX \S+ \(id=\?\)/);
  });

  test('find the first of the queue, in its order, by an index', async () => {
    const [plan] = await plansOf(() => store.firstInQueue(['ann'], 100));
    expect(plan).toMatch(/jobs USING INDEX jobs_open \(status=\?\)/);
  });

  test('find those of a new job by indexes', async () => {
    const create = () => store.create(newJobOf('ann', { idempotency: { key: 'k', fingerprint: 'f' } }), 1000);
    for (const plan of await plansOf(create)) expect(plan).not.toMatch(/SCAN|TEMP B-TREE/);
  });

  test('find the few that are past their deadline without looking at those that are not', async () => {
    const plans = await plansOf(() => store.pastDeadline(['WAITING', 'UNCONFIRMED'], NOON, 500));
    for (const plan of plans) expect(plan).toMatch(/jobs_deadline \(deadline_at<\?\)$/);
  });

  test('count the jobs before one by the index of the queue', async () => {
    const created = await store.create(newJobOf('ann'), 1000);
    if (created.kind !== 'created') throw new Error(created.kind);
    const plans = await plansOf(() => store.queuePositions([created.job.id]));
    expect(plans).toHaveLength(1);
    expect(plans[0]).toMatch(/jobs_open \(status=\? AND turn<\?\)/);
    const many = [created.job.id, ...Array.from({ length: 20 }, (_, i) => `${i}`)];
    const [all] = await plansOf(() => store.queuePositions(many));
    expect(all).toMatch(/jobs_open \(status=\?\)/);
    expect(all).not.toContain('TEMP B-TREE');
  });
});
