/** Preconditions and ranges according to RFC 9110. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selectionOf } from '../../src/http/byte-serving.js';

const THING = { byteSize: 100, etag: '"abc"', modifiedAt: new Date('2026-03-01T12:00:00.700Z') };
const SAME_SECOND = 'Sun, 01 Mar 2026 12:00:00 GMT';
const BEFORE = 'Sun, 01 Mar 2026 11:59:59 GMT';
const AFTER = 'Sun, 01 Mar 2026 12:00:01 GMT';
const part = (first: number, last: number) => ({ status: 206, range: { first, last } });

describe('a range', () => {
  it.each([
    ['bytes=0-0', part(0, 0)],
    ['bytes=0-99', part(0, 99)],
    ['bytes=10-', part(10, 99)],
    ['bytes=-1', part(99, 99)],
    ['bytes=-100', part(0, 99)],
    ['bytes=-1000', part(0, 99)],
    ['bytes=90-1000', part(90, 99)],
    ['bytes=90-99999999999999999999999', part(90, 99)],
    ['Bytes=5-6', part(5, 6)],
    ['bytes= 5-6', { status: 200 }],
    ['bytes=100-', { status: 416 }],
    ['bytes=100-200', { status: 416 }],
    ['bytes=99999999999999999999999-', { status: 416 }],
    ['bytes=-0', { status: 416 }],
    // Must be ignored, because it is not a valid byte range.
    ['bytes=6-5', { status: 200 }],
    ['bytes=-', { status: 200 }],
    ['bytes=', { status: 200 }],
    ['bytes=a-b', { status: 200 }],
    ['bytes=1.5-2', { status: 200 }],
    ['bytes=0-1,3-4', { status: 200 }],
    ['lines=0-1', { status: 200 }],
    ['', { status: 200 }],
  ])('%j', (range, selection) => {
    expect(selectionOf('GET', { range }, THING)).toEqual(selection);
  });

  it.each([' ', '\t', '0', '-', '=', 'bytes='])(
    'is read in one go, however much of %j there is',
    (filler) => {
      const much = filler.repeat(8000 / filler.length);
      // An ambiguous pattern would take minutes.
      for (const range of [`bytes=${much}-${much}x`, `bytes=1-${much}x`, `${much}bytes=1-1`]) {
        expect(selectionOf('GET', { range }, THING)).toEqual({ status: 200 });
      }
    },
  );

  it('is nothing to HEAD', () => {
    expect(selectionOf('HEAD', { range: 'bytes=0-0' }, THING)).toEqual({ status: 200 });
  });

  it('can not be had of nothing', () => {
    for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) {
      expect(selectionOf('GET', { range }, { ...THING, byteSize: 0 })).toEqual({ status: 416 });
    }
  });

  it('lies within the thing, whatever is asked for', () => {
    fc.assert(
      fc.property(fc.nat({ max: 50 }), fc.stringMatching(/^bytes=\d{0,3}-\d{0,3}$/), (byteSize, range) => {
        const selection = selectionOf('GET', { range }, { ...THING, byteSize });
        if (selection.status !== 206) return;
        const { first, last } = selection.range;
        expect(first).toBeGreaterThanOrEqual(0);
        expect(last).toBeGreaterThanOrEqual(first);
        expect(last).toBeLessThan(byteSize);
      }),
    );
  });
});

describe('a precondition', () => {
  it.each([
    [{ 'if-none-match': '"abc"' }, 304],
    [{ 'if-none-match': 'W/"abc"' }, 304],
    [{ 'if-none-match': '"x", "abc"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"x"' }, 200],
    [{ 'if-none-match': 'abc' }, 200],
    [{ 'if-modified-since': SAME_SECOND }, 304],
    [{ 'if-modified-since': AFTER }, 304],
    [{ 'if-modified-since': BEFORE }, 200],
    [{ 'if-modified-since': 'some day' }, 200],
    [{ 'if-none-match': '"x"', 'if-modified-since': AFTER }, 200],
    [{ 'if-match': '"abc"' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': 'W/"abc"' }, 412],
    [{ 'if-unmodified-since': SAME_SECOND }, 200],
    [{ 'if-unmodified-since': BEFORE }, 412],
    [{ 'if-unmodified-since': 'some day' }, 200],
    [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 412],
    [{ 'if-none-match': '"abc"', range: 'bytes=0-1' }, 304],
    [{ 'if-none-match': '"x"', range: 'bytes=0-1' }, 206],
    [{ 'if-range': '"abc"', range: 'bytes=0-1' }, 206],
    [{ 'if-range': 'W/"abc"', range: 'bytes=0-1' }, 200],
    [{ 'if-range': '"x"', range: 'bytes=0-1' }, 200],
    [{ 'if-range': '"x"', range: 'bytes=1000-' }, 200],
    [{ 'if-range': SAME_SECOND, range: 'bytes=0-1' }, 206],
    [{ 'if-range': BEFORE, range: 'bytes=0-1' }, 200],
    [{ 'if-range': 'some day', range: 'bytes=0-1' }, 200],
  ])('%j gives %i', (headers, status) => {
    expect(selectionOf('GET', headers, THING).status).toBe(status);
  });
});
