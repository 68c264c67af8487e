import { expect, it } from 'vitest';
import { DateTimeScalar } from '../../src/schema/scalars.js';

it('writes times as text in UTC, and refuses what is no time', () => {
  expect(DateTimeScalar.serialize(Date.UTC(2026, 0, 31, 23, 59, 59, 999))).toBe('2026-01-31T23:59:59.999Z');
  expect(DateTimeScalar.serialize(-1)).toBe('1969-12-31T23:59:59.999Z');
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1, '2026-01-31T23:59:59.999Z', null])
    expect(() => DateTimeScalar.serialize(time)).toThrow();
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
