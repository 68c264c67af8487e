/**
 * Random stories about two gateways: after each step, whichever it is, all invariants hold. A failing story
 * is reported with its seed and path, with which it can be repeated.
 */
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, test, vi } from 'vitest';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openPostgres } from '../../../src/services/store/postgres.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../../support/services.js';
import { Fleet } from './fleet.js';
import { stories } from './fleet-steps.js';
import { Witness } from './witness.js';

const url = await postgresUrl();
const log = pino({ level: 'silent' });
/** Time in which stories may begin: there are fewer on a busy machine. */
const TIME_MS = 3000;

beforeEach(() => {
  // No gateway acts or times out by itself.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function tell(
  open: () => Promise<readonly JobStore[]>,
  close: (stores: readonly JobStore[]) => Promise<void>,
) {
  const end = performance.now() + TIME_MS;
  await fc.assert(
    fc.asyncProperty(stories(60), async (story) => {
      if (performance.now() > end) return;
      const stores = await open();
      const fleet = new Fleet(stores);
      try {
        await fleet.settled();
        await fc.asyncModelRun(() => ({ model: new Witness(), real: fleet }), story);
      } finally {
        fleet.end();
        await close(stores);
      }
    }),
    { numRuns: 200 },
  );
}

describe('whatever happens to two gateways', () => {
  test('jobs keep what was promised of them over SQLite', async () => {
    await tell(
      async () => {
        const store = createKyselyJobStore(() => openSqlite(':memory:'));
        await store.start();
        return [store, store];
      },
      async ([store]) => store?.stop(),
    );
  });

  describe.skipIf(url === null)('with PostgreSQL', () => {
    let database: TestDatabase;
    let stores: readonly JobStore[];
    beforeAll(async () => {
      database = await withDatabase(url ?? '');
      stores = [1, 2].map(() => createKyselyJobStore(() => openPostgres(database.url, { poolSize: 4, log })));
      for (const store of stores) await store.start();
    });
    afterAll(async () => {
      await Promise.all(stores.map((store) => store.stop()));
      await database.drop();
    });

    test('jobs keep what was promised of them', async () => {
      await tell(
        async () => stores,
        () => database.clear(),
      );
    });
  });
});
