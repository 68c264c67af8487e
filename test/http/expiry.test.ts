/** Times beyond the maximum delay of a timer. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { atExpiry } from '../../src/http/expiry.js';

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('waits longer than the longest timer, and is called once', () => {
  const expired = vi.fn();
  atExpiry(60 * DAY_MS, expired);
  vi.advanceTimersByTime(60 * DAY_MS - 1);
  expect(expired).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(expired).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

test.each([1, 30])('can be cancelled after %i days', (days) => {
  const expired = vi.fn();
  const cancel = atExpiry(60 * DAY_MS, expired);
  vi.advanceTimersByTime(days * DAY_MS);
  cancel();
  expect(vi.getTimerCount()).toBe(0);
});

test('is called at once for a time that has passed', () => {
  const expired = vi.fn();
  atExpiry(-1, expired);
  expect(expired).toHaveBeenCalledOnce();
});
