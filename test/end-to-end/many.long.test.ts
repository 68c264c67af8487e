/** Many jobs at once: each follower sees all states of its own job, and nothing of others. */
import { afterEach, describe, expect, it } from 'vitest';
import { expectWholeLife, follow, lookUp, oneFace, submit, upTo } from '../support/caller.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import type { SeenJob } from '../support/operations.js';

const JOBS = 200;
let gateway: TestGateway;

afterEach(async () => {
  await gateway.stop();
});

describe.each([
  ['as many slots as jobs', String(JOBS), JOBS],
  ['2 slots', '2', 2],
])(`${JOBS} jobs`, { timeout: 120_000 }, (slots, concurrency, maxConcurrency) => {
  it(`each followed by a socket of its own, with ${slots}: nothing is missing and nothing is mixed up`, async () => {
    gateway = await startGateway({
      env: { AKOOL_MAX_CONCURRENCY: concurrency, KEEP_RESULTS: 'false' },
      sandbox: { maxConcurrency, queueMs: 1, processMs: 1 },
    });
    const { url, sandbox } = gateway;

    const lives = await Promise.all(
      upTo(JOBS).map(async (n) => {
        const submitted = await submit(url, oneFace({}, `?n=${n}`));
        return { n, submitted, seen: await follow(url, submitted.id) };
      }),
    );

    expect(new Set(lives.map(({ submitted }) => submitted.id)).size).toBe(JOBS);
    expect(sandbox.peakConcurrency).toBeLessThanOrEqual(maxConcurrency);
    const billed = new Map(sandbox.bills.map(({ providerId, request }) => [providerId, request]));
    expect(billed.size).toBe(JOBS);
    for (const { n, submitted, seen } of lives) {
      const last: SeenJob = await lookUp(url, submitted.id);
      expect(last.status).toBe('COMPLETED');
      expect(seen[0]?.version).toBeGreaterThanOrEqual(submitted.version);
      expectWholeLife(seen, last);
      // The result was made from the picture of this job.
      expect(billed.get(last.providerId ?? '')).toMatchObject(oneFace({}, `?n=${n}`));
    }
  });
});
