import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Job } from '../../../src/services/jobs/job.js';
import type { JobEvent } from '../../../src/services/jobs/job-event.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import { transition } from '../../../src/services/jobs/transition.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { RecentJobs } from '../../../src/services/store/recent-jobs.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import { HOUR, jobWith, NOON, newJobOf, request } from '../../support/samples.js';

let dir: string;
let store: JobStore;

const JOBS = 6;

/** Operations on the nth job, or on whichever jobs are due. */
const STEPS = [
  'create',
  'lease',
  'prepare',
  'accept',
  'complete',
  'late',
  'read',
  'ask',
  'list',
  'poll',
  'repoll',
  'archive',
  'rearchive',
  'erase',
] as const;

describe('jobs kept in memory', () => {
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'recent-'));
    store = createKyselyJobStore(() => openSqlite(join(dir, 'gateway.db')));
    await store.start();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await store.stop();
    rmSync(dir, { recursive: true });
  });

  test('are always as they are stored, whatever happens at once', async () => {
    const step = fc.record({ what: fc.constantFrom(...STEPS), nth: fc.nat({ max: JOBS - 1 }) });
    const turns = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 5, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(turns, async (all) => {
        const jobs: Job[] = [];
        for (const together of all) {
          await Promise.all(together.map(({ what, nth }) => take(what, nth, jobs)));
          // Always read from the database.
          const { changed } = await store.readChanges('ann', 0, 1000);
          const stored = changed.flatMap(({ job }) => job ?? []);
          const { jobs: listed } = await store.list('ann', {}, { limit: 1000, direction: 'forward' });
          expect(listed).toEqual(
            stored.toSorted((a, b) => b.createdAt - a.createdAt || b.sequence - a.sequence),
          );
          for (const job of stored) {
            expect(await store.get(job.id)).toEqual(job);
            expect(await store.getByCallbackToken(job.callbackToken)).toEqual(job);
          }
          for (const job of stored) {
            const kept = store.keptRequest(job.id);
            if (kept !== null) expect(JSON.stringify(kept).length).toBe(job.requestBytes);
          }
          const requests = await store.requests(jobs.map(({ id }) => id));
          const bytes = [...requests].map(([id, asked]) => [id, JSON.stringify(asked).length]);
          expect(new Map(bytes as [string, number][])).toEqual(
            new Map(stored.map(({ id, requestBytes }) => [id, requestBytes])),
          );
          for (const { id } of jobs) {
            if (!stored.some((job) => job.id === id)) expect(await store.get(id)).toBeNull();
          }
        }
        await store.erase(jobs.map(({ id }) => id));
      }),
      { numRuns: 40 },
    );
  });

  test('are those of first pages, and not of those behind them, that one goes through once', async () => {
    for (let n = 0; n < 6; n += 1) await store.create(newJobOf('ann'), 1000);
    await store.stop();
    await store.start();
    const keeping = vi.spyOn(RecentJobs.prototype, 'readAll');
    const first = await store.list('ann', {}, { limit: 2, direction: 'forward' });
    expect(keeping).toHaveBeenCalledTimes(1);
    expect(await store.list('ann', {}, { limit: 2, direction: 'forward' })).toEqual(first);
    const after = first.jobs.at(-1);
    const second = await store.list('ann', {}, { limit: 3, direction: 'forward', ...(after && { after }) });
    const last = await store.list('ann', {}, { limit: 1, direction: 'backward' });
    expect(keeping).toHaveBeenCalledTimes(1);
    const all = [...first.jobs, ...second.jobs, ...last.jobs];
    expect(all.map(({ sequence }) => sequence)).toEqual([6, 5, 4, 3, 2, 1]);
    expect([first, second, last].map(({ hasNextPage }) => hasNextPage)).toEqual([true, true, false]);
    expect([first, second, last].map(({ hasPreviousPage }) => hasPreviousPage)).toEqual([false, true, true]);
  });
});

describe('what is kept of a job', () => {
  const born = jobWith({ id: 'one' });
  const canceled = transition(born, { type: 'canceled', at: NOON });
  if (canceled === null) throw new Error('a waiting job can be canceled');

  test.each<[string, (recent: RecentJobs) => void]>([
    ['stored', (recent) => recent.stored([jobWith()])],
    ['changed', (recent) => recent.changed(canceled)],
    ['moved or erased', (recent) => recent.forget(['another'])],
    ['moved with all others', (recent) => recent.forgetAll()],
  ])('is nothing of a read during which a job was %s: it may be of before', async (_, write) => {
    const recent = new RecentJobs();
    let answer = (_job: Job): void => {};
    const reading = recent.read(new Promise((resolve) => (answer = resolve)));
    write(recent);
    answer(born);
    expect(await reading).toBe(born);
    expect(recent.get(born.id)).toBeUndefined();
    await recent.read(Promise.resolve(born));
    expect(recent.get(born.id)).toBe(born);
  });

  test('is nothing where a change was made from another version', () => {
    const recent = new RecentJobs();
    recent.stored([{ ...born, version: 7 }]);
    recent.changed(canceled);
    expect(recent.get(born.id)).toBeUndefined();
    expect(recent.getByCallbackToken(born.callbackToken)).toBeUndefined();
    recent.changed(canceled);
    expect(recent.get(born.id)).toBeUndefined();
  });

  test('is read again, alone and in a list, where the database turns out to have another version', async () => {
    const database = await openSqlite(':memory:');
    const own = createKyselyJobStore(async () => database);
    await own.start();
    onTestFinished(() => own.stop());
    const made = await Promise.all([0, 1].map(() => own.create(newJobOf('ann'), 9)));
    const [first, second] = made.map((created) => ('job' in created ? created.job : null));
    if (!first || !second) throw new Error('they were created');
    // As between a commit and its acknowledgement.
    await database.write((trx) => trx.updateTable('jobs').set({ version: 2 }).execute());
    const { jobs } = await own.list('ann', {}, { limit: 1, direction: 'forward' });
    expect(jobs).toEqual([{ ...second, version: 2 }]);
    const late = transition(first, { type: 'canceled', at: NOON });
    expect(late && (await own.save(late))).toBe(false);
    expect(await own.get(first.id)).toEqual({ ...first, version: 2 });
  });
});

test('no more jobs are kept in memory than there is room for', () => {
  const recent = new RecentJobs();
  const jobs = Array.from({ length: 5001 }, () => jobWith());
  recent.stored(jobs);
  expect(jobs.filter(({ id }) => recent.get(id) === undefined)).toEqual(jobs.slice(0, 1));
  const tokens = jobs.map(({ callbackToken }) => callbackToken);
  expect(tokens.filter((token) => recent.getByCallbackToken(token) === undefined)).toEqual(
    tokens.slice(0, 1),
  );
});

async function take(what: (typeof STEPS)[number], nth: number, jobs: Job[]): Promise<unknown> {
  const { id } = jobs[nth % Math.max(1, jobs.length)] ?? { id: 'none' };
  switch (what) {
    case 'create': {
      const created = await store.create(newJobOf('ann'), 1000);
      return created.kind === 'created' && jobs.push(created.job);
    }
    case 'lease':
      return store.lease(JOBS, NOON, (job) =>
        transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + HOUR }),
      );
    case 'prepare':
      return change(id, { type: 'prepared', at: NOON, request: { ...request, faceEnhance: nth % 2 === 0 } });
    case 'accept':
      return change(id, { type: 'accepted', at: NOON, pollAt: NOON, providerId: id, providerJobId: null });
    case 'complete':
      return change(id, {
        type: 'reported',
        at: NOON,
        pollAt: NOON,
        deadlineAt: NOON + HOUR,
        source: 'WEBHOOK',
        providerId: id,
        report: { status: 'COMPLETED', url: 'https://e.example/r.png', expiresAt: NOON + HOUR, keep: true },
      });
    case 'late':
      return change(id, { type: 'accepted', at: NOON, pollAt: NOON, providerId: id, providerJobId: 'late' });
    case 'ask':
      return store.requests([id]);
    case 'read':
      return store.get(id);
    case 'list':
      return store.list('ann', {}, { limit: 1 + nth, direction: nth % 2 === 0 ? 'forward' : 'backward' });
    case 'poll':
      return store.claimPolls(NOON, () => NOON + nth, 2);
    case 'repoll':
      return store.reschedulePolls([{ id, pollAt: NOON - nth }]);
    case 'archive':
      return store.claimArchives(NOON, NOON + nth, 2);
    case 'rearchive':
      return store.rescheduleArchive(id, { at: NOON - nth, attempts: nth });
    case 'erase':
      return nth === 0 ? store.erase([id]) : null;
    default:
      return what satisfies never;
  }
}

async function change(id: string, event: JobEvent): Promise<void> {
  const job = await store.get(id);
  const made = job === null ? null : transition(job, event);
  if (made !== null) await store.save(made);
}
