/** How slow a line may be. */
import { expect, it } from 'vitest';
import { MIN_BYTES_PER_SECOND, Pace, SILENCE_MS } from '../../../src/services/uploads/pace.js';

const MIB = 1024 * 1024;

/** What is wrong first, and when, with a line that carries `bytesPerSecond` without a pause. */
function faultOf(bytesPerSecond: number, size: number): { after: number; fault: string } | null {
  const pace = new Pace(0);
  for (let second = 1; second * bytesPerSecond < size; second += 1) {
    const fault = pace.fault(second * 1000, second * bytesPerSecond);
    if (fault !== null) return { after: second, fault };
  }
  return null;
}

it('lets 200 MiB pass at 2 Mbit/s, and at the least rate', () => {
  expect(faultOf(2_000_000 / 8, 200 * MIB)).toBeNull();
  expect(faultOf(MIN_BYTES_PER_SECOND, 200 * MIB)).toBeNull();
});

it('ends what is slower, but not before it had time to begin', () => {
  const { after, fault } = faultOf(MIN_BYTES_PER_SECOND / 2, 200 * MIB) ?? {};
  expect([after, fault]).toEqual([61, expect.stringContaining('32 KiB per second')]);
  expect(faultOf(1, 200 * MIB)?.after).toBe(31);
});

it('ends what is silent, even if it was fast', () => {
  const pace = new Pace(1000);
  expect(pace.fault(2000, 100 * MIB)).toBeNull();
  expect(pace.fault(2000 + SILENCE_MS, 100 * MIB)).toBeNull();
  expect(pace.fault(2001 + SILENCE_MS, 100 * MIB)).toMatch(/^Nothing arrived for 30 seconds/);
  expect(pace.fault(2001 + SILENCE_MS, 100 * MIB + 1)).toBeNull();
});
