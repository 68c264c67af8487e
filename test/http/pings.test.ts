/** Pings of many sockets, with a clock controlled by the test. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type PingedSocket, pingAll } from '../../src/http/websocket-transport.js';

const EVERY_MS = 6400;
const SOCKETS = 200;

class Socket {
  isAlive = true;
  lastPingAt: number | null = null;
  readonly OPEN = 1;
  readonly readyState = 1;
  readonly pings: number[] = [];
  isCut = false;
  answers = true;

  ping(): void {
    this.pings.push(performance.now());
    if (this.answers) this.isAlive = true;
  }

  terminate(): void {
    this.isCut = true;
  }
}

let all: Socket[];
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  all = Array.from({ length: SOCKETS }, () => new Socket());
  stop = pingAll(new Set(all) as unknown as Set<PingedSocket>, EVERY_MS);
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

it('come to each in its time, and to all who came together at different times', () => {
  vi.advanceTimersByTime(EVERY_MS * 5);
  for (const { pings, isCut } of all) {
    expect(isCut).toBe(false);
    expect(pings.length).toBeGreaterThanOrEqual(4);
    const gaps = pings.slice(1).map((at, i) => at - (pings[i] ?? 0));
    for (const gap of gaps) {
      expect(gap).toBeLessThanOrEqual(EVERY_MS);
      expect(gap).toBeGreaterThanOrEqual(EVERY_MS - EVERY_MS / 32);
    }
  }
  expect(new Set(all.map(({ pings }) => pings[0])).size).toBeGreaterThan(30);
});

it('cut who has not answered by the next, and nobody else', () => {
  vi.advanceTimersByTime(EVERY_MS);
  const [silent] = all;
  if (silent === undefined) throw new Error('no socket');
  silent.answers = false;
  vi.advanceTimersByTime(EVERY_MS * 2);
  expect(all.filter(({ isCut }) => isCut)).toEqual([silent]);
});

it('end with what they were begun with', () => {
  stop();
  vi.advanceTimersByTime(EVERY_MS * 2);
  expect(all.flatMap(({ pings }) => pings)).toEqual([]);
});
