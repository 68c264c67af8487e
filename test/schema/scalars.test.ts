import { expect, it } from 'vitest';
import { DateTimeScalar, isoText } from '../../src/schema/scalars.js';

const DAY_MS = 86_400_000;
/** The last moment that a Date can have. */
const LAST = 8.64e15;

it('writes times as Date does, whatever was written before', () => {
  const moments = [
    0,
    1,
    -1,
    999,
    1000,
    59_999,
    60_000,
    DAY_MS - 1,
    DAY_MS,
    -DAY_MS,
    -DAY_MS - 1,
    LAST,
    -LAST,
  ];
  for (let n = 0; n < 5000; n += 1) moments.push(Math.round((n - 2500) * 7_919_318_307.7));
  for (let n = 0; n < 2000; n += 1) moments.push(Date.UTC(2026, 1, 28) + n * 86_399);
  moments.push(Date.UTC(-1, 5), Date.UTC(12_026, 0, 31, 23, 59, 59, 999), 1.5, -1.5);
  expect(moments.map(isoText)).toEqual(moments.map((time) => new Date(time).toISOString()));
});

it('refuses what is no time, and still writes those that are', () => {
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, LAST + 1, -LAST - 1]) {
    expect(() => isoText(time)).toThrow(RangeError);
    expect(isoText(0)).toBe('1970-01-01T00:00:00.000Z');
  }
});

it.each([
  ['2026-01-31T23:59:59.999Z', Date.UTC(2026, 0, 31, 23, 59, 59, 999)],
  ['2028-02-29T00:00:00+02:00', Date.UTC(2028, 1, 28, 22)],
  ['2026-03-01t01:00:00-01:30', Date.UTC(2026, 2, 1, 2, 30)],
])('reads %s', (text, time) => {
  expect(DateTimeScalar.parseValue(text)).toBe(time);
});

it.each([
  '2026-02-30T00:00:00Z',
  '2026-02-29T12:00:00Z',
  '2026-04-31T00:00:00+02:00',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00:00',
  '2026-13-01T00:00:00Z',
  '2026-01-01',
])('refuses %s, which is no time or has no zone', (text) => {
  expect(() => DateTimeScalar.parseValue(text)).toThrow('DateTime must be ISO 8601');
});
