/** The cache of parsed documents: it keeps those that may run, up to a limit of memory. */
import { readFileSync } from 'node:fs';
import { buildSchema, GraphQLError, Kind } from 'graphql';
import { describe, expect, test } from 'vitest';
import { Documents } from '../../src/graphql/documents.js';
import { DEFAULT_LIMITS } from '../../src/graphql/query-limits.js';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const schema = buildSchema(text('../../schema.graphql'));
const PAGE = text('../operations/jobs.graphql') + text('../operations/job-fields.graphql');

function open(): Documents {
  return new Documents({ schema, limits: DEFAULT_LIMITS, trusted: null, introspection: true });
}

/** How many of these documents are still cached after all have been read; the newest must be. */
function keptOf(count: number, make: (nth: number) => string): number {
  const documents = open();
  const texts = Array.from({ length: count }, (_, nth) => make(nth));
  for (const one of texts) expect(documents.read(one)).toHaveProperty('kind');
  expect(documents.known(texts.at(-1) ?? '')).toBeDefined();
  return texts.filter((one) => documents.known(one) !== undefined).length;
}

test('the documents of a large front end are kept', () => {
  expect(keptOf(200, (nth) => `# ${nth}\n${PAGE}`)).toBe(200);
});

describe('of documents that each take much', () => {
  test.each<[string, number, (nth: number) => string]>([
    ['nodes', 100, (nth) => `query Q${nth} { ${'__typename '.repeat(490)} }`],
    [
      'values',
      50,
      (nth) => `{ a${nth}: jobs(filter: { status: [${'WAITING '.repeat(950)}] }) { __typename } }`,
    ],
    ['comments', 50, (nth) => `{ a${nth}: __typename ${'#\n'.repeat(2000)} }`],
    ['characters', 500, (nth) => `{ job(id: "${nth} ${'x'.repeat(20_000)}") { id } }`],
  ])('no more are kept than there is room for: %s', (_what, most, make) => {
    expect(keptOf(2 * most, make)).toBeLessThanOrEqual(most);
  });

  test('those that are not to come again, being so large, keep the others where they are', () => {
    const documents = open();
    documents.read(PAGE);
    const large = (nth: number) => `{ a${nth}: __typename ${'#\n'.repeat(9900)} }`;
    for (let nth = 0; nth < 20; nth += 1) documents.read(large(nth));
    expect([documents.known(PAGE), documents.known(large(19))]).toEqual([expect.anything(), undefined]);
  });
});

test('an error of a long document costs little more than one of a short document', () => {
  const costOf = (id: string): number => {
    const document = open().read(`{ job(id: "${id}") { id } __typename }`);
    const [operation] = 'kind' in document ? document.definitions : [];
    if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('It was refused');
    const nodes = operation.selectionSet.selections.slice(-1);
    const before = process.cpuUsage();
    for (let nth = 0; nth < 500; nth += 1) new GraphQLError('x', { nodes });
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  // The least of several, because garbage may be collected during any of them.
  const leastOf = (id: string): number => Math.min(...Array.from({ length: 5 }, () => costOf(id)));
  costOf('warm');
  expect(leastOf('x'.repeat(500_000))).toBeLessThan(4 * leastOf('x'));
});

test.each([
  ['not GraphQL', '{'],
  ['not valid', '{ unknown }'],
  ['over a limit', `{ ${'__typename '.repeat(900)} }`],
  ['too long', `{ __typename } #${'x'.repeat(600_000)}`],
  ['nested too deeply', `{ job(id: ${'['.repeat(1900)}${']'.repeat(1900)}) { id } }`],
])('nothing is kept of a document that is %s', (_what, refused) => {
  const documents = open();
  expect(documents.read(refused)).toEqual([expect.any(Error)]);
  expect(documents.known(refused)).toBeUndefined();
});

test('errors quote no more than the beginning of a long name', () => {
  const name = 'x'.repeat(100_000);
  const errors = open().read(`query ${name}($a: Int, $b: Int) { ${name} }`);
  if (!Array.isArray(errors)) throw new Error('it is not valid');
  expect(errors).toHaveLength(3);
  for (const { message } of errors as readonly GraphQLError[]) expect(message.length).toBeLessThan(1010);
});
