/** A small run of `npm run chaos`; docs/chaos.md describes what it does and checks. */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import type { ChaosOptions } from '../chaos/options.js';
import { runChaos } from '../chaos/run.js';
import { build } from '../support/gateway-process.js';
import { postgresUrl, redisUrl } from '../support/services.js';

const postgres = await postgresUrl();
// The run starts its own Redis; if the tests have no Redis, it is not installed.
const redis = await redisUrl();

const OPTIONS: ChaosOptions = {
  root: fileURLToPath(new URL('../..', import.meta.url)),
  jobs: 60,
  kills: 4,
  tenants: 3,
  instances: 1,
  store: 'sqlite',
  seed: 1,
  deadlineMs: 3000,
  silenceMs: 2000,
  limitMs: 150_000,
  reconciler: true,
};

beforeAll(build, 60_000);

it('bills each job once, ends it and shows its end, through faults and kills', {
  timeout: 240_000,
}, async () => {
  const { violations, folder } = await runChaos(OPTIONS);
  expect(violations, `seed ${OPTIONS.seed}, kept in ${folder}`).toEqual([]);
});

it.skipIf(postgres === null || redis === null)(
  'does so with three gateways too, while their PostgreSQL and Redis fail',
  { timeout: 240_000 },
  async () => {
    const { violations, folder } = await runChaos({
      ...OPTIONS,
      jobs: 40,
      kills: 3,
      instances: 3,
      store: 'postgres',
    });
    expect(violations, `seed ${OPTIONS.seed}, kept in ${folder}`).toEqual([]);
  },
);

it('notices when nobody asks about jobs that are silent', { timeout: 240_000 }, async () => {
  const { violations, folder } = await runChaos({
    ...OPTIONS,
    jobs: 30,
    kills: 1,
    deadlineMs: 1500,
    reconciler: false,
  });
  if (folder !== null) rmSync(folder, { recursive: true, force: true });
  expect(violations).toContainEqual(expect.stringMatching(/^lost: /));
  expect(violations).toContainEqual(expect.stringMatching(/^followers that missed the end: /));
});
