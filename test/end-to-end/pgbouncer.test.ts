/** Two gateways behind a PgBouncer with its default settings, in both of its usual modes. */

import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createKyselyJobStore } from '../../src/services/store/kysely-job-store.js';
import { openPostgres } from '../../src/services/store/postgres.js';
import { freePort } from '../free-port.js';
import { startGateway, type TestGateway } from '../harness.js';
import { isPgbouncerInstalled, OwnPgbouncer, type PoolMode } from '../own-pgbouncer.js';
import { OwnRedis } from '../own-redis.js';
import { describeJobStore } from '../services/store/job-store.contract.js';
import { postgresUrl, redisUrl, type TestDatabase, withDatabase } from '../services.js';
import { follow, lookUp, oneFace, submit } from './caller.js';

const postgres = await postgresUrl();
const redis = await redisUrl();
const isInstalled = isPgbouncerInstalled();
if (!isInstalled && process.env['CI']) throw new Error('pgbouncer is not installed');
const log = pino({ level: 'silent' });

describe.skipIf(postgres === null || redis === null || !isInstalled)('PgBouncer', { timeout: 60_000 }, () => {
  const modes: readonly PoolMode[] = ['session', 'transaction'];

  describe.each(modes)('in %s mode', (mode) => {
    let database: TestDatabase;
    let bouncer: OwnPgbouncer;
    let own: OwnRedis;
    const gateways: TestGateway[] = [];

    beforeAll(async () => {
      database = await withDatabase(postgres ?? '');
      bouncer = await OwnPgbouncer.before(database.url, mode);
      own = new OwnRedis(await freePort());
      await own.start();
    });
    afterEach(async () => {
      await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
      await database.empty();
    });
    afterAll(async () => {
      await own.stop();
      await bouncer.stop();
      await database.drop();
    });

    async function start(): Promise<string> {
      const gateway = await startGateway({
        env: { DATABASE_URL: bouncer.url, REDIS_URL: own.url, AKOOL_MAX_CONCURRENCY: '10' },
      });
      gateways.push(gateway);
      return gateway.url;
    }

    test('two gateways start together, and jobs of either go through', async () => {
      const urls = await Promise.all([start(), start()]);
      const jobs = await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          submit(urls[i % 2] ?? '', oneFace({ idempotencyKey: `n${i % 20}` })),
        ),
      );
      expect(new Set(jobs.map(({ id }) => id)).size).toBe(20);
      const lives = await Promise.all(jobs.map(({ id }, i) => follow(urls[(i + 1) % 2] ?? '', id)));
      expect(lives.map((life) => life.at(-1)?.status)).toEqual(jobs.map(() => 'COMPLETED'));
      expect((await lookUp(urls[0] ?? '', jobs[0]?.id ?? '')).status).toBe('COMPLETED');
      const bills = gateways.flatMap(({ sandbox }) => sandbox.bills);
      expect(bills).toHaveLength(20);
    });

    // In session mode a client has a server connection of its own: it is as without PgBouncer.
    if (mode === 'session') return;
    describeJobStore(`PgBouncer in ${mode} mode`, async () => {
      const open = () => createKyselyJobStore(() => openPostgres(bouncer.url, { poolSize: 4, log }));
      let store = open();
      await store.start();
      return {
        store,
        reopen: async () => {
          await store.stop();
          store = open();
          await store.start();
          return store;
        },
        close: () => store.stop(),
      };
    });
  });
});
