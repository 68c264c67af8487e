/** The clock of gateways that share a store, when it is set, and when one of them is suspended. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createInProcessJobBus } from '../../../src/services/bus/in-process-job-bus.js';
import type { Job } from '../../../src/services/jobs/job.js';
import { JobService } from '../../../src/services/jobs/job-service.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import { StoreClock } from '../../../src/services/workers/store-clock.js';
import { recordedLog, withMethods } from '../../support/harness.js';
import { HOUR, newJobOf } from '../../support/samples.js';

/** How far the server's clock is ahead of this machine's. */
let aheadMs = 0;
let dir: string;
let store: JobStore;

beforeEach(async () => {
  aheadMs = 0;
  dir = mkdtempSync(join(tmpdir(), 'clock-'));
  store = createKyselyJobStore(async () => ({
    ...(await openSqlite(join(dir, 'gateway.db'))),
    exclusive: false,
    now: async () => Date.now() + aheadMs,
  }));
  await store.start();
});
afterEach(async () => {
  await store.stop();
  rmSync(dir, { recursive: true });
});

interface Gateway {
  readonly clock: StoreClock;
  readonly lines: Record<string, unknown>[];
  readonly jobs: JobService;
}

async function gateway(itsStore: JobStore = store): Promise<Gateway> {
  const { log, lines } = recordedLog();
  const clock = new StoreClock({ store: itsStore, log });
  await clock.check();
  const settings = { queueLimit: 100, queueTtlMs: HOUR, acceptWhileBlocked: false, uploadTtlMs: HOUR };
  return { clock, lines, jobs: new JobService({ store, bus: createInProcessJobBus(), clock, settings }) };
}

async function waiting(): Promise<Job> {
  const at = Date.now();
  const created = await store.create(newJobOf('ann', { at, deadlineAt: at + 2 * HOUR }), 10);
  if (created.kind !== 'created') throw new Error(created.kind);
  return created.job;
}

async function movedMs({ id, deadlineAt }: Job): Promise<number> {
  return ((await store.get(id))?.deadlineAt ?? 0) - deadlineAt;
}

/** Whether it uses the server's clock; tests take less than a minute. */
function follows({ clock }: Gateway): boolean {
  return Math.abs(clock.now() - (Date.now() + aheadMs)) < 60_000;
}

const MOVED = 'the clock was set; due times were moved with it';
const FOLLOWS =
  'the clock was set, or this gateway stood still; the others go by it already, and nothing was moved';

test.each([-1, 4])(
  'set by %i hours, is noticed by all gateways, and what is due is moved once',
  async (hours) => {
    const [one, other, third] = [await gateway(), await gateway(), await gateway()];
    for (const { clock } of [one, other, third]) await clock.check();
    const job = await waiting();
    aheadMs = hours * HOUR;
    // Until the change is noticed, time goes on as before.
    expect(Math.abs(one.clock.now() - Date.now())).toBeLessThan(60_000);
    for (const { clock } of [one, other, third, one, other, third]) await clock.check();
    expect(Math.abs((await movedMs(job)) - hours * HOUR)).toBeLessThan(1000);
    expect([one, other, third].every(follows)).toBe(true);
    expect(one.lines).toMatchObject([{ seconds: hours * 3600, msg: MOVED }]);
    for (const { lines } of [other, third]) {
      expect(lines).toMatchObject([{ seconds: hours * 3600, msg: FOLLOWS }]);
    }
  },
);

test('set back before a gateway starts, has moved what is due by then', async () => {
  aheadMs = HOUR;
  const first = await gateway();
  await first.clock.check();
  const job = await waiting();
  aheadMs = 0;
  const next = await gateway();
  expect(Math.abs((await movedMs(job)) + HOUR)).toBeLessThan(60_000);
  expect(next.lines).toMatchObject([{ msg: MOVED }]);
});

test('set back, does not make a gateway that is gone count as one that is there', async () => {
  const { clock } = await gateway();
  await clock.check();
  await store.heartbeat('gone', clock.now(), 15_000);
  aheadMs = -HOUR;
  await clock.check();
  expect(await store.heartbeat('here', clock.now(), 15_000)).toBe(1);
  expect(await store.heartbeat('here', clock.now() + 16_000, 15_000)).toBe(0);
});

test('set forward just before another gateway starts, is noticed all the same', async () => {
  const [one, other] = [await gateway(), await gateway()];
  for (const { clock } of [one, other]) await clock.check();
  const job = await waiting();
  aheadMs = 4 * HOUR;
  const next = await gateway();
  for (const { clock } of [one, next, other]) await clock.check();
  expect(Math.abs((await movedMs(job)) - 4 * HOUR)).toBeLessThan(1000);
  expect([one, other, next].every(follows)).toBe(true);
  expect([one, next, other].map(({ lines }) => lines.map(({ msg }) => msg))).toEqual([
    [MOVED],
    [],
    [FOLLOWS],
  ]);
});

test('slewed, is followed, and nothing is moved or told', async () => {
  const one = await gateway();
  const job = await waiting();
  for (let i = 0; i < 5; i++) {
    aheadMs += 3000;
    await one.clock.check();
  }
  expect(one.clock.now() - Date.now()).toBeGreaterThan(14_000);
  expect(await movedMs(job)).toBe(0);
  expect(one.lines).toEqual([]);
});

test('is not moved for a gateway that stood still while another went on', async () => {
  let stoodMs = 0;
  const still = withMethods(store, {
    readClock: (decide) =>
      store.readClock(({ earliest, latest, ...reading }) =>
        decide({ ...reading, earliest: earliest - stoodMs, latest: latest - stoodMs }),
      ),
  });
  const [suspended, awake] = [await gateway(still), await gateway()];
  const job = await waiting();
  stoodMs = 4 * HOUR;
  await awake.clock.check();
  await suspended.clock.check();
  expect(await movedMs(job)).toBe(0);
  expect(suspended.lines).toMatchObject([{ seconds: 4 * 3600, msg: FOLLOWS }]);
});

test('is asked again when a check could not be stored, and moves nothing twice when it was', async () => {
  let failure: 'before' | 'after' | null = null;
  const failing = withMethods(store, {
    readClock: async (decide) => {
      if (failure === 'before') {
        decide({
          at: Date.now() + aheadMs,
          earliest: performance.now(),
          latest: performance.now(),
          lastAt: 0,
        });
      } else {
        await store.readClock(decide);
      }
      if (failure !== null) throw new Error('the database is away');
    },
  });
  const one = await gateway(failing);
  const job = await waiting();
  aheadMs = 4 * HOUR;
  for (failure of ['before', 'after'] as const) {
    await expect(one.clock.check()).rejects.toThrow('away');
    expect(follows(one)).toBe(false);
  }
  failure = null;
  await one.clock.check();
  expect(follows(one)).toBe(true);
  expect(Math.abs((await movedMs(job)) - 4 * HOUR)).toBeLessThan(1000);
});

test('leases nothing by the time as it was, and goes on by the time as it is', async () => {
  const [one, other] = [await gateway(), await gateway()];
  await waiting();
  aheadMs = 4 * HOUR;
  await one.clock.check();
  expect(await other.jobs.lease(1, HOUR)).toEqual([]);
  expect(follows(other)).toBe(true);
  const [leased] = await other.jobs.lease(1, HOUR);
  expect(Math.abs((leased?.deadlineAt ?? 0) - (Date.now() + 5 * HOUR))).toBeLessThan(60_000);
});
