/** SIGKILL at any moment: what a mutation has confirmed is still there. */
import { afterEach, beforeAll, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { akoolSettings } from '../support/akool-settings.js';
import { follow, lookUp, oneFace, submit, upTo } from '../support/caller.js';
import { build, cleanUp, type GatewayProcess, newFolder, startProcess } from '../support/gateway-process.js';
import type { SeenJob } from '../support/operations.js';

const JOBS = 50;
const KILLS = 5;

let sandbox: Sandbox | undefined;

beforeAll(build, 60_000);
afterEach(async () => {
  await cleanUp();
  await sandbox?.stop();
});

it(`keeps ${JOBS} jobs through ${KILLS} kills, and sends none of them twice`, {
  timeout: 120_000,
}, async () => {
  const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);
  const random = randomFrom(seed);
  process.stdout.write(`kill.long.test.ts: TEST_SEED=${seed}\n`);
  // Akool survives the gateway.
  sandbox = createSandbox({ queueMs: 5, processMs: 10, maxConcurrency: JOBS });
  await sandbox.start();
  const folder = newFolder();
  const env = {
    ...akoolSettings(sandbox),
    AKOOL_MAX_CONCURRENCY: String(JOBS),
    POLL_AFTER_MS: '20',
    LOG_LEVEL: 'error',
  };

  const answered = new Map<string, SeenJob>();
  let gateway = await startProcess(folder, env);
  let submits: Promise<void>[] = [];
  for (let round = 0; round < KILLS; round++) {
    const { url } = gateway;
    const killWhenAnswered = Math.floor((random() * JOBS) / KILLS);
    const killAfterMs = Math.floor(random() * 20);
    const killed = new Promise<unknown>((resolve) => {
      let answers = 0;
      const count = (): void => {
        if (answers === killWhenAnswered) setTimeout(() => resolve(kill(gateway)), killAfterMs);
        answers += 1;
      };
      count();
      submits = upTo(JOBS / KILLS).map(async (n) => {
        const job = await submit(url, oneFace({}, `?n=${round}-${n}`));
        answered.set(job.id, job);
        count();
      });
    });
    // Submits cut off by the kill were not confirmed.
    await Promise.allSettled(submits);
    expect(await killed).toBe('SIGKILL');
    gateway = await startProcess(folder, env);
    // What was killed did not say goodbye, but nobody else can use the file.
    expect(gateway.stdout()).not.toMatch(/another gateway/i);
    for (const job of answered.values()) expectSameLife(job, await lookUp(gateway.url, job.id));
  }

  expect(answered.size, `seed ${seed}`).toBeGreaterThan(0);
  for (const submitted of answered.values()) {
    const job = await lookUp(gateway.url, submitted.id);
    expectSameLife(submitted, job);
    // A job whose submit was cut off waits for a callback; every other one runs to its end.
    if (job.status !== 'UNCONFIRMED')
      expect((await follow(gateway.url, job.id)).at(-1)?.status).toBe('COMPLETED');
  }
  const sent = sandbox.bills.map(({ request }) => JSON.stringify(request['sourceImage']));
  expect(new Set(sent).size, `seed ${seed}: billed twice`).toBe(sent.length);
});

/** The job has only moved on: no version is missing and none was rewritten. */
function expectSameLife(before: SeenJob, now: SeenJob): void {
  expect(now.version).toBeGreaterThanOrEqual(before.version);
  expect(now.history.map(({ version }) => version)).toEqual(upTo(now.version));
  expect(now.history.slice(0, before.version)).toEqual(before.history);
  expect(now.history.at(-1)?.status).toBe(now.status);
  expect(now.createdAt).toBe(before.createdAt);
  expect(now.providerId ?? before.providerId).toBe(before.providerId ?? now.providerId);
}

function kill(gateway: GatewayProcess): Promise<unknown> {
  gateway.child.kill('SIGKILL');
  return gateway.ended;
}

/** The generator "mulberry32": numbers from 0 to below 1, determined by the seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
