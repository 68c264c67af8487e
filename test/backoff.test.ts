import { afterEach, expect, test, vi } from 'vitest';
import { Backoff, pauseAfter } from '../src/backoff.js';

afterEach(() => {
  vi.restoreAllMocks();
});

test('the longest wait doubles with each failure up to the most, and begins anew after a success', () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const backoff = new Backoff({ firstMs: 100, mostMs: 1000 });
  expect([1, 2, 3, 4, 5, 6].map(() => backoff.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test('a wait may be any time up to the longest', () => {
  const backoff = new Backoff({ firstMs: 1000, mostMs: 1000 });
  const waits = Array.from({ length: 500 }, () => backoff.next());
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
  expect(Math.min(...waits)).toBeLessThan(200);
  expect(Math.max(...waits)).toBeGreaterThan(800);
  expect(Math.max(...waits)).toBeLessThanOrEqual(1000);
});

test('a first wait longer than the most is the most', () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const backoff = new Backoff({ firstMs: 5000, mostMs: 1000 });
  expect(backoff.next()).toBe(1000);
});

test('stays finite after any number of failures', () => {
  const backoff = new Backoff({ firstMs: 500, mostMs: 30_000 });
  for (let i = 0; i < 5000; i++) expect(backoff.next()).toBeLessThanOrEqual(30_000);
});

test('a pause after counted failures lies between half of a ceiling and all of it, which doubles up to the most', () => {
  const pauses = { firstMs: 100, mostMs: 1000 };
  const random = vi.spyOn(Math, 'random');
  random.mockReturnValue(0);
  expect([1, 2, 3, 4, 5, 5000].map((n) => pauseAfter(n, pauses))).toEqual([50, 100, 200, 400, 500, 500]);
  random.mockReturnValue(1);
  expect([1, 2, 3, 4, 5, 5000].map((n) => pauseAfter(n, pauses))).toEqual([100, 200, 400, 800, 1000, 1000]);
});
