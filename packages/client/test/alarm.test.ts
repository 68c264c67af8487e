/** Reasons to try again before the time is up, as a page and its machine give them. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { backoffMs, createAlarm } from '../src/alarm.js';

let closed: AbortController;
beforeEach(() => {
  vi.useFakeTimers();
  closed = new AbortController();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('wakes once when the machine has slept, and not when a timer is a little late', () => {
  let wakes = 0;
  const forget = createAlarm(closed.signal).onWake(() => {
    wakes += 1;
  });
  vi.setSystemTime(Date.now() + 1000);
  vi.advanceTimersByTime(10_000);
  expect(wakes).toBe(0);
  vi.setSystemTime(Date.now() + 70_000);
  vi.advanceTimersByTime(10_000);
  expect(wakes).toBe(1);
  forget();
  expect(vi.getTimerCount()).toBe(0);
});

it('wakes when the browser is online or the page is shown, but not while it is hidden or after closing', () => {
  const page = new EventTarget();
  const document = { visibilityState: 'visible' };
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('document', document);
  let wakes = 0;
  createAlarm(closed.signal).onWake(() => {
    wakes += 1;
  });
  for (const event of ['online', 'offline', 'pageshow', 'visibilitychange'])
    page.dispatchEvent(new Event(event));
  expect(wakes).toBe(4);
  document.visibilityState = 'hidden';
  page.dispatchEvent(new Event('visibilitychange'));
  expect(wakes).toBe(4);
  document.visibilityState = 'visible';
  closed.abort();
  page.dispatchEvent(new Event('online'));
  expect(wakes).toBe(4);
});

it('sleeps for its time, until there is reason to wake, or until it is aborted', async () => {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  const alarm = createAlarm(closed.signal);
  const whole = alarm.sleep(1000, closed.signal);
  await vi.advanceTimersByTimeAsync(1000);
  await whole;
  const woken = alarm.sleep(60_000, closed.signal);
  page.dispatchEvent(new Event('online'));
  await woken;
  const aborted = alarm.sleep(60_000, closed.signal);
  const reason = new Error('Enough');
  closed.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  await expect(alarm.sleep(60_000, closed.signal)).rejects.toBe(reason);
  expect(vi.getTimerCount()).toBe(0);
});

it('waits longer after each failure, up to a bound, and never as long as others', () => {
  for (let failures = 0; failures < 40; failures++) {
    const whole = Math.min(8000, 500 * 2 ** failures);
    const waits = Array.from({ length: 20 }, () => backoffMs(failures));
    for (const ms of waits) expect(ms > whole / 2 && ms <= whole).toBe(true);
    expect(new Set(waits).size).toBeGreaterThan(1);
  }
});
