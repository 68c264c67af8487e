/** Followers of all jobs receive every change, whatever the machines' clocks show. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { ask, lookUp, openSocket, run, submit } from '../support/caller.js';
import { freePort } from '../support/free-port.js';
import { clockAhead, startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { JOBS_UPDATED } from '../support/operations.js';
import { OwnRedis } from '../support/own-redis.js';
import { postgresUrl, redisUrl, type TestDatabase, withDatabase } from '../support/services.js';

const DELETE = 'mutation ($id: ID!) { deleteJob(id: $id) }';
const JOBS_CHANGED = 'subscription { jobsChanged { kind cursor deletedId job { id version } } }';

interface JobsChanged {
  readonly jobsChanged: { readonly kind: string; readonly cursor: string; readonly deletedId: string | null };
}

const postgres = await postgresUrl();
const redis = await redisUrl();

describe.skipIf(postgres === null || redis === null)(
  'jobsUpdated and jobsChanged without Redis',
  { timeout: 60_000 },
  () => {
    let database: TestDatabase;
    let own: OwnRedis;
    /** Shared, so that one gateway can poll and download what the other submitted. */
    let sandbox: Sandbox;
    const gateways: TestGateway[] = [];

    beforeAll(async () => {
      own = new OwnRedis(await freePort());
    });
    beforeEach(async () => {
      database = await withDatabase(postgres ?? '');
      await own.start();
      sandbox = createSandbox({ queueMs: 20, processMs: 40 });
      await sandbox.start();
    });
    afterEach(async () => {
      await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
      await sandbox.stop();
      await database.drop();
    });
    afterAll(() => own.stop());

    async function start(aheadMs: number): Promise<string> {
      const gateway = await startGateway({
        env: { DATABASE_URL: database.url, REDIS_URL: own.url },
        overrides: {
          clock: clockAhead(() => aheadMs),
          sandbox: () => withMethods(sandbox, { start: async () => {}, stop: async () => {} }),
        },
      });
      gateways.push(gateway);
      return gateway.url;
    }

    test.each([
      ['the one that is followed', 30_000, 0],
      ['the one that makes the changes', 0, 30_000],
    ])('loses no change when the clock of %s is 30 s ahead', async (_, followedMs, changingMs) => {
      const followed = await start(followedMs);
      const changing = await start(changingMs);
      const socket = openSocket(followed);
      const events = run(socket, JOBS_UPDATED);
      const changes = run<JobsChanged, never>(socket, JOBS_CHANGED);
      const first = events.next();
      // The first event shows that the subscription is active; a job that ended earlier causes none.
      let known = await submit(followed);
      while ((await Promise.race([first, sleep(1000)])) === undefined) known = await submit(followed);
      await own.stop();
      const jobs = await Promise.all([submit(changing), submit(changing)]);
      const left = new Set(jobs.map(({ id }) => id));
      for await (const { data } of { [Symbol.asyncIterator]: () => events }) {
        const told = data?.jobsUpdated;
        if (told?.result?.archived === true) left.delete(told.id);
        if (left.size === 0) break;
      }
      const gone = new Set(jobs.map(({ id }) => id));
      await Promise.all([...gone].map((id) => ask(changing, DELETE, { id })));
      for await (const { data } of { [Symbol.asyncIterator]: () => changes }) {
        gone.delete(data?.jobsChanged.deletedId ?? '');
        if (gone.size === 0) break;
      }
      await socket.dispose();
      expect((await lookUp(followed, known.id)).id).toBe(known.id);
    });
  },
);
