/** A small run of `npm run chaos`; docs/chaos.md describes what it does and checks. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { beforeAll, expect, it } from 'vitest';
import type { ChaosOptions } from '../chaos/options.js';
import { runChaos } from '../chaos/run.js';
import { build, ROOT } from '../support/gateway-process.js';
import { postgresUrl, redisUrl } from '../support/services.js';

const postgres = await postgresUrl();
// The run starts its own Redis; if the tests have no Redis, it is not installed.
const redis = await redisUrl();

const OPTIONS: ChaosOptions = {
  root: ROOT,
  jobs: 40,
  kills: 3,
  tenants: 3,
  instances: 1,
  store: 'sqlite',
  seed: 1,
  deadlineMs: 3000,
  silenceMs: 2000,
  limitMs: 200_000,
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
      jobs: 30,
      kills: 2,
      instances: 3,
      store: 'postgres',
    });
    expect(violations, `seed ${OPTIONS.seed}, kept in ${folder}`).toEqual([]);
  },
);

it('notices when nobody asks about jobs that are silent, and says how far it is and what did not hold', {
  timeout: 240_000,
}, async () => {
  const size = ['--jobs', '20', '--kills', '1', '--deadline-seconds', '2', '--seed', '1'];
  const run = spawn(process.execPath, ['test/chaos/index.mjs', ...size, '--without-reconciler'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [report, progress, [code]] = await Promise.all([
    text(run.stdout),
    text(run.stderr),
    once(run, 'exit'),
  ]);
  const folder = /kept in (\S+)/.exec(progress)?.[1];
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  expect(progress).toMatch(/^ *\d+ s {2}[01] of 1 kills, \d+ of 20 jobs accepted, \d+ ended$/m);
  expect(report).toMatch(/^lost +\d+ {2}must be 0 {2}BROKEN$/m);
  const verdict = report.trimEnd().split('\n').at(-1);
  expect(verdict).toMatch(
    /^This did not hold through 1 kill: .*no job is lost \(lost: \d+.*followers that missed/,
  );
  expect(verdict).toMatch(/This held: .*no job is billed twice/);
  expect(code).toBe(1);
});
