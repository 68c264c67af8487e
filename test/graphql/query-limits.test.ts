/** Each limit by itself: input just within it passes, and slightly more is refused with the limit's name. */
import { parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import {
  brokenLimit,
  costOf,
  DEFAULT_LIMITS,
  tooDeep,
  tooLong,
  tooManyValues,
} from '../../src/graphql/query-limits.js';

const times = (count: number, text: string): string => `${text} `.repeat(count);
const each = (count: number, make: (nth: number) => string): string =>
  Array.from({ length: count }, (_, nth) => make(nth)).join(' ');

function refusalOf(text: string): string {
  return brokenLimit(parse(text), DEFAULT_LIMITS)?.message ?? 'none';
}

/** A page with this many fields that need a lookup per job. */
const page = (size: string, fields: number): string =>
  `query ($n: Int) { jobs(${size}) { edges { node { ${times(fields, 'queuePosition')} } } } }`;

describe('a document has at most', () => {
  test.each<[what: string, limit: string, most: number, (count: number) => string]>([
    ['definitions', 'definitions', 100, (n) => each(n, (nth) => `query Q${nth} { a }`)],
    ['variables', 'variables', 100, (n) => `query (${each(n, (nth) => `$v${nth}: Int`)}) { a }`],
    ['selections', 'selections', 800, (n) => `{ ${times(n / 2, '... { a }')} ${times(n % 2, 'a')} }`],
    ['calls', 'calls', 60, (n) => `{ ${times(n, 'a(b: 1)')} }`],
    ['levels of fields', 'depth', 16, (n) => times(n, '{ a') + times(n, '}')],
    [
      'levels of fields in fragments',
      'depth',
      16,
      (n) => `{ a { ...F } } fragment F on T ${times(n - 1, '{ a') + times(n - 1, '}')}`,
    ],
    ['aliases', 'aliases', 50, (n) => `{ ${times(n, 'a: b')} }`],
    ['aliases within a field', 'aliases', 50, (n) => `{ a { ${times(n, 'a: b')} } }`],
    ['fields', 'fields', 500, (n) => `{ ${times(n, 'a')} }`],
    ['fields within a field', 'fields', 500, (n) => `{ a { ${times(n - 1, 'a')} } }`],
    [
      'fields of a fragment that is not used',
      'fields',
      500,
      (n) => `{ a } fragment F on T { ${times(n, 'a')} }`,
    ],
    ['looks at the whole schema', 'cost', 2, (n) => `{ ${times(n, '__schema { a }')} }`],
    [
      'looks at types of the schema',
      'cost',
      2,
      (n) => `{ ...F } fragment F on Query { ${times(n, '__type(name: "T") { a }')} }`,
    ],
    ['fields of a page whose size is a variable', 'cost', 49, (n) => page('first: $n', n)],
    ['fields of a page from its end whose size is a variable', 'cost', 49, (n) => page('last: $n', n)],
    ['fields of a page of a hundred', 'cost', 49, (n) => page('first: 100', n)],
    [
      'histories of a page of fifty',
      'cost',
      55,
      (n) => `{ jobs(first: 50) { edges { node { ${times(n, 'history { at }')} } } } }`,
    ],
    [
      'pictures of a page of a hundred',
      'cost',
      9,
      (n) => `{ jobs(first: 100) { edges { node { ${times(n, 'targetImage { path }')} } } } }`,
    ],
  ])('so many %s', (_what, limit, most, make) => {
    expect(refusalOf(make(most))).toBe('none');
    expect(refusalOf(make(most + 1))).toContain(`its ${limit} is over the limit`);
  });

  test('so many fields of a page, for what the page really has', () => {
    for (const size of ['first: 10', 'first: null, last: 5', 'filter: {}, first: 10'])
      expect(refusalOf(page(size, 400))).toBe('none');
  });

  test('so many characters, which are counted before it is parsed', () => {
    expect(tooLong('x'.repeat(512 * 1024), DEFAULT_LIMITS)).toBeNull();
    expect(tooLong('x'.repeat(512 * 1024 + 1), DEFAULT_LIMITS)?.message).toMatch('its length is over');
  });

  test.each(['\n', '\r\n', '\r'])('so many lines, which end with %j', (end) => {
    expect(tooLong(end.repeat(9999), DEFAULT_LIMITS)).toBeNull();
    expect(tooLong(end.repeat(10_000), DEFAULT_LIMITS)?.message).toMatch(
      'its text is over the limit of 10000 lines',
    );
  });

  test('so many values in its variables, however they are nested', () => {
    const values = (count: number) => ({ a: { b: Array.from({ length: count - 2 }, () => 1) } });
    expect(tooManyValues(values(5000), DEFAULT_LIMITS)).toBeNull();
    expect(tooManyValues(values(5001), DEFAULT_LIMITS)?.message).toMatch(
      'its variables is over the limit of 5000 values.',
    );
  });

  test.each([[undefined], [null], ['text'], [{ a: null, b: ['text', null, { c: null }] }]])(
    'values, whatever they are: %j',
    (variables) => {
      expect(tooManyValues(variables, DEFAULT_LIMITS)).toBeNull();
    },
  );
});

test('a refusal names the limit, and the client learns that it is the document that is wrong', () => {
  const refusal = brokenLimit(parse(`{ ${times(501, 'a')} }`), DEFAULT_LIMITS);
  expect(refusal?.message).toBe('The query is too large: its fields is over the limit of 500.');
  expect(refusal?.extensions).toEqual({ code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400 } });
  expect(tooDeep(DEFAULT_LIMITS).message).toMatch('its depth is over the limit of 16.');
});

test.each([
  ['jobs', 20],
  ['uploads', 20],
  ['sourceImage', 50],
  ['targetImage', 50],
  ['faceMapping', 8],
  ['frames', 10],
  ['faces', 8],
  ['landmarks', 6],
  ['anything', 1],
])('a list of %s whose size is not said costs %d times what is in it', (name, size) => {
  expect(costOf(parse(`{ ${name} { a b } }`))).toBe(1 + 2 * size);
});

describe('what validation refuses afterwards is weighed all the same', () => {
  test.each([
    ['a fragment that there is not', '{ ...Missing }'],
    ['fragments in a circle', '{ ...A } fragment A on T { ...B } fragment B on T { a ...A }'],
    ['a type', 'type T { a: Int } query { a }'],
  ])('%s', (_what, text) => {
    expect(refusalOf(text)).toBe('none');
  });

  test('fragments that spread each other twice, forty deep', () => {
    const fragments = each(40, (nth) => `fragment F${nth} on T { ...F${nth + 1} ...F${nth + 1} }`);
    expect(refusalOf(`{ ...F0 } ${fragments} fragment F40 on T { a }`)).toContain(
      'its fields is over the limit',
    );
  });
});
