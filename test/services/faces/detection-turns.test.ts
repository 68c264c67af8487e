import { describe, expect, it } from 'vitest';
import { DetectionTurns } from '../../../src/services/faces/detection-turns.js';
import { gate } from '../../support/local-server.js';

/** Lookups that end when released. */
function slowLookups() {
  const turns = new DetectionTurns();
  const release = gate();
  const begun: string[] = [];
  /** Resolves with the number of refused lookups, once all have ended. */
  const ask = (tenant: string, count: number) =>
    refusedOf(
      Array.from({ length: count }, () =>
        turns.take(tenant, () => {
          begun.push(tenant);
          return release.opened;
        }),
      ),
    );
  return { ask, begun, release: release.open };
}

async function refusedOf(lookups: readonly Promise<unknown>[]): Promise<number> {
  const ends = await Promise.allSettled(lookups);
  const refusals = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
  for (const refusal of refusals) {
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', extensions: { retryAfterSeconds: 2 } });
  }
  return refusals.length;
}

describe('DetectionTurns', () => {
  it('lets each tenant have four under way', async () => {
    const { ask, begun, release } = slowLookups();
    const refused = [ask('mallory', 10), ask('bob', 5)];
    await expect.poll(() => begun.length).toBe(8);
    expect(begun.filter((tenant) => tenant === 'bob')).toHaveLength(4);
    release();
    expect(await Promise.all(refused)).toEqual([0, 0]);
    expect(begun).toHaveLength(15);
  });

  it('refuses a tenant who fills half of the line, and keeps room for the others', async () => {
    const { ask, release } = slowLookups();
    const refused = [ask('mallory', 100), ask('bob', 20), ask('carol', 1)];
    release();
    expect(await Promise.all(refused)).toEqual([100 - 4 - 34, 0, 0]);
  });

  it('has at most a hundred waiting, of however many tenants, and serves who need not wait', async () => {
    const { ask, begun, release } = slowLookups();
    const tenants = Array.from({ length: 40 }, (_, i) => `tenant-${i}`);
    const refused = tenants.map((tenant) => ask(tenant, 50));
    await expect.poll(() => begun.length).toBe(40 * 4);
    const late = ask('late', 4);
    await expect.poll(() => begun.length).toBe(41 * 4);
    release();
    const waited = (await Promise.all(refused)).reduce((left, count) => left - count, 40 * (50 - 4));
    expect(waited).toBeGreaterThan(90);
    expect(waited).toBeLessThanOrEqual(100);
    expect(await late).toBe(0);
  });

  it('gives its places back, also those of lookups that fail', async () => {
    const turns = new DetectionTurns();
    for (let round = 0; round < 3; round += 1) {
      const fails = Array.from({ length: 30 }, () =>
        turns.take('bob', () => Promise.reject(new Error('no'))),
      );
      const ends = await Promise.allSettled(fails);
      expect(ends.every((end) => end.status === 'rejected' && end.reason.message === 'no')).toBe(true);
    }
  });
});
