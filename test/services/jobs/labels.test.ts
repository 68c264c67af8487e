/** What callers may attach to their jobs. */
import { describe, expect, test } from 'vitest';
import { isReference, type METADATA_FAULTS, metadataFault } from '../../../src/services/jobs/labels.js';

describe('metadata', () => {
  const nested = (levels: number): unknown => JSON.parse(`{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`);

  test.each<[unknown, keyof typeof METADATA_FAULTS | null]>([
    [{}, null],
    [{ a: [1, { b: null }], toJSON: 'x' }, null],
    [Object.assign(Object.create(null), { a: undefined }), null],
    [null, 'NOT_AN_OBJECT'],
    [[{}], 'NOT_AN_OBJECT'],
    ['{}', 'NOT_AN_OBJECT'],
    [{ a: [{ b: Number.POSITIVE_INFINITY }] }, 'NUMBER'],
    [{ a: Number.NEGATIVE_INFINITY }, 'NUMBER'],
    [{ a: 'é'.repeat(2044) }, null],
    [{ a: 'é'.repeat(2045) }, 'TOO_LARGE'],
    // Counted as it is kept: escaped.
    [{ a: '\ud83d'.repeat(681) }, null],
    [{ a: '\ud83d'.repeat(682) }, 'TOO_LARGE'],
  ])('%j: %s', (value, fault) => {
    expect(metadataFault(value)).toBe(fault);
  });

  test('of any number of levels has an answer, although JSON.stringify has none', () => {
    expect(() => JSON.stringify(nested(100_000))).toThrow(RangeError);
    for (const levels of [2046, 5000, 100_000]) expect(metadataFault(nested(levels))).toBe('TOO_LARGE');
    expect(metadataFault(nested(2045))).toBeNull();
  });
});

test.each([
  ['a', true],
  ['👩‍👩‍👧', true],
  ['👍'.repeat(256), true],
  ['👍'.repeat(257), false],
  ['', false],
  ['a\0', false],
  ['a\u0085', false],
  ['\ud83d', false],
])('the reference %j: %s', (text, isOne) => {
  expect(isReference(text)).toBe(isOne);
});
