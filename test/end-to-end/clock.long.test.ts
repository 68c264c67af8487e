/** A wall clock that is set forward or back while jobs are at Akool and no callback arrives. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { follow, lookUp, oneFace, submit } from '../support/caller.js';
import {
  build,
  cleanUp,
  type GatewayProcess,
  newFolder,
  ROOT,
  spawnGateway,
} from '../support/gateway-process.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../support/services.js';

const HOUR = 3_600_000;
const SETTABLE_CLOCK = pathToFileURL(join(ROOT, 'test/end-to-end/settable-clock.mjs')).href;
const postgres = await postgresUrl();

let database: TestDatabase | undefined;
const sandboxes: Sandbox[] = [];

beforeAll(async () => {
  await build();
  if (postgres !== null) database = await withDatabase(postgres);
}, 60_000);
afterAll(async () => {
  await cleanUp();
  await Promise.all(sandboxes.map((sandbox) => sandbox.stop()));
  await database?.drop();
});

interface Stage {
  readonly gateway: GatewayProcess;
  readonly akool: Sandbox;
  readonly cwd: string;
  setClock(aheadMs: number): void;
}

/** A sandbox that ends no job by itself. */
async function startAkool(): Promise<Sandbox> {
  const akool = createSandbox({ queueMs: 10 * HOUR, processMs: HOUR });
  await akool.start();
  sandboxes.push(akool);
  return akool;
}

/** A gateway that receives no callbacks. */
async function start(
  given: { readonly akool?: Sandbox; readonly cwd?: string; readonly aheadMs?: number } = {},
  env: Record<string, string> = {},
): Promise<Stage> {
  const { akool = await startAkool(), cwd = newFolder(), aheadMs = 0 } = given;
  const clockFile = join(cwd, 'clock');
  writeFileSync(clockFile, String(aheadMs));
  const program = ['--import', SETTABLE_CLOCK, join(ROOT, 'dist/index.js')];
  const gateway = await spawnGateway(process.execPath, program, {
    cwd,
    env: {
      AKOOL_BASE_URL: akool.url,
      AKOOL_API_KEY: akool.apiKey,
      CLOCK_FILE: clockFile,
      KEEP_RESULTS: 'false',
      LOG_LEVEL: 'warn',
      POLL_AFTER_MS: '200',
      ...env,
    },
  });
  return {
    gateway,
    akool,
    cwd,
    setClock: (ms) => {
      writeFileSync(clockFile, String(ms));
      gateway.child.kill('SIGUSR2');
    },
  };
}

/** Without the start, which is told whatever the level. */
function warningsOf({ gateway }: Stage): Record<string, unknown>[] {
  const lines = gateway.stdout().match(/^\{.*\}$/gm) ?? [];
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ level }) => Number(level) >= WARN);
}

/** Resolves when the gateway has logged the message, and has polled Akool twice since. */
async function told(stage: Stage, message: string): Promise<void> {
  await until(() => warningsOf(stage).some(({ msg }) => msg === message));
  const asked = stage.akool.requests.results;
  await until(() => stage.akool.requests.results >= asked + 2);
}

async function until(isSo: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(isSo()).toBe(true), { timeout: 30_000, interval: 20 });
}

const WARN = 40;
const MOVED = 'the clock was set; due times were moved with it';

describe.concurrent('a clock that is set', { timeout: 60_000 }, () => {
  test.each([
    ['an hour back', -HOUR],
    ['four hours forward', 4 * HOUR],
  ])('%s neither delays nor ends what Akool works on', async (_, stepMs) => {
    const stage = await start();
    const { gateway, akool, setClock } = stage;
    const job = await submit(gateway.url);
    setClock(stepMs);
    // Sent at a time of the new clock, once the gateway uses it.
    const next = await submit(gateway.url, oneFace({}, '?next'));
    await told(stage, MOVED);
    expect(warningsOf(stage)).toMatchObject([{ seconds: stepMs / 1000, msg: MOVED }]);
    expect((await lookUp(gateway.url, job.id)).status).toBe('QUEUED');
    await until(() => akool.bills.length === 2);
    for (const { id } of akool.jobs) akool.finish(id);
    for (const { id } of [job, next]) {
      expect((await follow(gateway.url, id)).at(-1)?.status).toBe('COMPLETED');
    }
    expect(akool.bills).toHaveLength(2);
    const { createdAt } = await submit(gateway.url, oneFace({}, '?last'));
    expect(Math.abs(Date.parse(createdAt) - (Date.now() + stepMs))).toBeLessThan(60_000);
  });

  test('an hour back while the gateway is stopped delays nothing', async () => {
    const { gateway, akool, cwd } = await start({ aheadMs: HOUR });
    const job = await submit(gateway.url);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    akool.finish(job.providerId ?? '');
    const after = await start({ akool, cwd });
    expect((await follow(after.gateway.url, job.id)).at(-1)?.status).toBe('COMPLETED');
    const [line] = warningsOf(after);
    expect(line).toMatchObject({ msg: MOVED });
    expect(Number(line?.['seconds'])).toBeLessThan(-3500);
    expect(akool.bills).toHaveLength(1);
  });

  test.skipIf(postgres === null)(
    'on the machine of a gateway does nothing to jobs in PostgreSQL',
    async () => {
      const stage = await start({}, { DATABASE_URL: database?.url ?? '' });
      const { gateway, akool, setClock } = stage;
      const job = await submit(gateway.url);
      setClock(4 * HOUR);
      await told(stage, "this machine's clock was set; due times go by the database's, and stay as they are");
      expect(warningsOf(stage)).toMatchObject([{ seconds: (4 * HOUR) / 1000 }]);
      expect((await lookUp(gateway.url, job.id)).status).toBe('QUEUED');
      akool.finish(job.providerId ?? '');
      expect((await follow(gateway.url, job.id)).at(-1)?.status).toBe('COMPLETED');
      expect(akool.bills).toHaveLength(1);
    },
  );
});
