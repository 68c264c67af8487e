/** Gateways behind a PgBouncer with its default settings, in both of its usual modes. */
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createKyselyJobStore } from '../../src/services/store/kysely-job-store.js';
import { openPostgres } from '../../src/services/store/postgres.js';
import { ask, follow, oneFace, submit } from '../support/caller.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { SUBMIT } from '../support/operations.js';
import { isPgbouncerInstalled, OwnPgbouncer } from '../support/own-pgbouncer.js';
import { NOON, newJobOf } from '../support/samples.js';
import { postgresUrl, redisUrl, type TestDatabase, withDatabase } from '../support/services.js';

const postgres = await postgresUrl();
const redis = await redisUrl();
const isPossible = isPgbouncerInstalled() && postgres !== null && redis !== null;
const log = pino({ level: 'silent' });

describe.skipIf(!isPossible).each(['session', 'transaction'] as const)('PgBouncer in %s mode', (mode) => {
  let database: TestDatabase;
  let bouncer: OwnPgbouncer;

  beforeAll(async () => {
    database = await withDatabase(postgres ?? '');
    bouncer = await OwnPgbouncer.before(database.url, mode);
  });
  afterEach(() => database.empty());
  afterAll(async () => {
    await bouncer.stop();
    await database.drop();
  });

  test('ten instances that start at once bring the tables up to date together', async () => {
    const stores = Array.from({ length: 10 }, () =>
      createKyselyJobStore(() => openPostgres(bouncer.url, { poolSize: 2, log })),
    );
    try {
      await Promise.all(stores.map((store) => store.start()));
      await Promise.all(stores.map((store) => store.create(newJobOf('ann'), 100)));
      expect((await stores[0]?.slots(NOON))?.waiting).toBe(10);
    } finally {
      await Promise.all(stores.map((store) => store.stop()));
    }
  });

  test('two gateways start together, and jobs of either go through', async () => {
    const gateways: TestGateway[] = [];
    const start = async (): Promise<string> => {
      const gateway = await startGateway({
        env: { DATABASE_URL: bouncer.url, REDIS_URL: redis ?? '', AKOOL_MAX_CONCURRENCY: '10' },
        sandbox: { maxConcurrency: 10 },
      });
      gateways.push(gateway);
      return gateway.url;
    };
    try {
      const [first, second] = await Promise.all([start(), start()]);
      const jobs = await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          submit(i % 2 === 0 ? first : second, oneFace({ idempotencyKey: `n${i % 20}` })),
        ),
      );
      expect(new Set(jobs.map(({ id }) => id)).size).toBe(20);
      // At the other gateway.
      const lives = await Promise.all(jobs.map(({ id }, i) => follow(i % 2 === 0 ? second : first, id)));
      expect(lives.map((life) => life.at(-1)?.status)).toEqual(jobs.map(() => 'COMPLETED'));
      expect(gateways.flatMap(({ sandbox }) => sandbox.bills)).toHaveLength(20);
    } finally {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
    }
  });

  test('after a failover nothing uses the connections that PgBouncer keeps to the former primary', async () => {
    const gateway = await startGateway({ env: { DATABASE_URL: bouncer.url, DISPATCH: 'paused' } });
    const readiness = async () => (await fetch(`${gateway.url}/readyz`)).status;
    let submits = 0;
    const refused = async (): Promise<number> => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => {
          submits += 1;
          return ask(gateway.url, SUBMIT, { input: oneFace({ idempotencyKey: `n${submits}` }) });
        }),
      );
      return answers.filter(({ body }) => body.errors !== undefined).length;
    };
    try {
      expect(await refused()).toBe(0);
      await database.setReadOnly(true);
      await database.cutConnections();
      await expect.poll(readiness).toBe(503);
      expect(await refused()).toBe(20);
      await database.setReadOnly(false);
      await expect.poll(readiness).toBe(200);
      let clean = 0;
      const isHealed = async (): Promise<boolean> => {
        clean = (await refused()) === 0 ? clean + 1 : 0;
        return clean === 3;
      };
      await expect.poll(isHealed).toBe(true);
    } finally {
      await gateway.stop();
    }
  });
});
