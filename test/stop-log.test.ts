import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { logWaits } from '../src/stop-log.js';
import { recordedLog } from './support/harness.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('what is over within a moment is not logged, and the rest once, until it changes or ends', () => {
  const { log, lines } = recordedLog();
  let sockets = 2;
  const said = () => lines.map(({ msg, sockets: count }) => [msg, count]);
  const end = logWaits(log, () => ({ part: 'HTTP server', sockets }));
  vi.advanceTimersByTime(999);
  expect(said()).toEqual([]);
  vi.advanceTimersByTime(5000);
  expect(said()).toEqual([['still stopping', 2]]);
  sockets = 1;
  vi.advanceTimersByTime(1000);
  expect(said()).toEqual([
    ['still stopping', 2],
    ['still stopping', 1],
  ]);
  end();
  sockets = 0;
  vi.advanceTimersByTime(5000);
  expect(lines).toHaveLength(2);
});
