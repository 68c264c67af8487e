/** What a gateway knows about others on its database, and when it warns about them. */
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { InstanceHeartbeat } from '../../../src/services/workers/instance-heartbeat.js';
import { recordedLog, withMethods } from '../../support/harness.js';
import { openWorkshop } from '../../support/workshop.js';

afterEach(() => void vi.useRealTimers());

async function openInstances() {
  const workshop = await openWorkshop();
  const { log, lines } = recordedLog();
  return {
    ...workshop,
    lines,
    make: (hasSharedBus = false): InstanceHeartbeat => {
      const instances = new InstanceHeartbeat({ ...workshop, hasSharedBus, log });
      onTestFinished(() => instances.stop());
      return instances;
    },
  };
}

test('one that was not heard of for 15 s counts no more', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { make, clock } = await openInstances();
  expect(await make().start()).toBe(0);
  clock.advance(14_999);
  const second = make();
  expect(await second.start()).toBe(1);
  await second.stop();
  clock.advance(1);
  expect(await make().start()).toBe(0);
});

test('another one is warned of when it comes, once, where they cannot wake each other', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { make, lines } = await openInstances();
  await make().start();
  expect(lines).toEqual([]);
  const second = make();
  expect(await second.start()).toBe(1);
  const warning = { level: 50, others: 1, msg: expect.stringContaining('REDIS_URL IS NOT SET') };
  expect(lines).toEqual([expect.objectContaining(warning)]);
  // The first one notices at its next heartbeat, and does not warn again at the one after.
  for (let i = 0; i < 3; i += 1) {
    await vi.advanceTimersByTimeAsync(5000);
    await expect.poll(() => lines).toHaveLength(2);
  }
});

test('others are as they should be where they wake each other', async () => {
  const { make, lines } = await openInstances();
  await make(true).start();
  expect(await make(true).start()).toBe(1);
  expect(lines).toEqual([]);
});

test('a stop waits a second for a store that has just fallen silent, and no longer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { store, clock } = await openWorkshop();
  const { log } = recordedLog();
  const silent = withMethods(store, { sayGoodbye: () => new Promise(() => {}) });
  const instances = new InstanceHeartbeat({ store: silent, clock, hasSharedBus: true, log });
  await instances.start();
  let isOver = false;
  const stopped = instances.stop().then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(999);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await stopped;
});
