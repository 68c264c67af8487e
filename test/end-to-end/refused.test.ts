/** Refused documents count like small queries, and are examined only while their caller's limit allows it. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { upTo } from '../support/caller.js';
import { DOORS, type Door, knock, outcomeOf, type Request } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';

const LIMIT = 4;
const TRUSTED = 'query Trusted { __typename }';
const dir = mkdtempSync(join(tmpdir(), 'refused-'));
/** A new caller for each case, so that each has its own limit. */
const callers = upTo(40).map((n) => `tenant-${n}:key-${n}`);
const env = {
  AUTH_API_KEYS: callers.join(','),
  RATE_QUERIES_PER_MINUTE: `${LIMIT}`,
  RATE_MUTATIONS_PER_MINUTE: '2',
};

let open: TestGateway;
let trusting: TestGateway;
let nextCaller = 0;

beforeAll(async () => {
  const file = join(dir, 'documents.json');
  writeFileSync(file, JSON.stringify({ trusted: TRUSTED }));
  open = await startGateway({ env });
  trusting = await startGateway({ env: { ...env, TRUSTED_DOCUMENTS: file } });
});
afterAll(async () => {
  await Promise.all([open.stop(), trusting.stop()]);
  rmSync(dir, { recursive: true });
});

/** The outcomes when a new caller sends these requests one after the other. */
async function outcomesOf(door: Door, url: string, requests: readonly Request[]): Promise<readonly string[]> {
  nextCaller += 1;
  const outcomes: string[] = [];
  for (const request of requests)
    outcomes.push(outcomeOf(await knock(door, url, request, `key-${nextCaller}`)));
  return outcomes;
}

const KINDS: readonly [string, string, (nth: number) => Request][] = [
  ['is not GraphQL', 'GRAPHQL_PARSE_FAILED', (nth) => ({ query: `query Q${nth} {` })],
  ['does not fit the schema', 'GRAPHQL_VALIDATION_FAILED', (nth) => ({ query: `{ unknown${nth} }` })],
  ['is the same each time', 'GRAPHQL_VALIDATION_FAILED', () => ({ query: '{ unknown }' })],
  ['is too large', 'GRAPHQL_VALIDATION_FAILED', (nth) => ({ query: `{ a${nth} ${'a '.repeat(900)} }` })],
  [
    'has too many variables',
    'GRAPHQL_VALIDATION_FAILED',
    () => ({ query: 'query ($x: ID!) { job(id: $x) { id } }', variables: { x: Array(6000).fill(1) } }),
  ],
  [
    'names no operation',
    'OPERATION_RESOLUTION_FAILURE',
    () => ({ query: 'query A { __typename }', operationName: 'B' }),
  ],
];

describe.each(DOORS)('by %s', (door) => {
  it.each(KINDS)('a document that %s counts as a query', async (_what, code, make) => {
    const requests = upTo(LIMIT + 2).map(make);
    const outcomes = await outcomesOf(door, open.url, [...requests, { query: '{ __typename }' }]);
    expect(outcomes).toEqual([...Array(LIMIT).fill(code), ...Array(3).fill('RATE_LIMITED')]);
  });

  it('one that begins like a mutation counts as a mutation', async () => {
    const requests = upTo(3).map((n) => ({ query: `mutation { unknown${n} }` }));
    const outcomes = await outcomesOf(door, open.url, [...requests, { query: '{ __typename }' }]);
    expect(outcomes).toEqual([
      'GRAPHQL_VALIDATION_FAILED',
      'GRAPHQL_VALIDATION_FAILED',
      'RATE_LIMITED',
      'ok',
    ]);
  });

  it('one that is not trusted counts as a query, named or not', async () => {
    const requests = upTo(LIMIT).map((n) =>
      n % 2 === 0 ? { query: `{ a${n}: __typename }` } : { documentId: 'x' },
    );
    const outcomes = await outcomesOf(door, trusting.url, [...requests, { documentId: 'trusted' }]);
    expect(outcomes).toEqual([...Array(LIMIT).fill('FORBIDDEN'), 'RATE_LIMITED']);
  });

  it('one that runs counts once, when it is new and when it comes again', async () => {
    const query = `{ ${door}: __typename }`;
    const outcomes = await outcomesOf(door, open.url, Array(LIMIT + 1).fill({ query }));
    expect(outcomes).toEqual([...Array(LIMIT).fill('ok'), 'RATE_LIMITED']);
  });
});

it('a persisted query counts like any other, and is checked like any other', async () => {
  nextCaller += 1;
  const ask = async (request: Request): Promise<string> =>
    outcomeOf(await knock('http', open.url, request, `key-${nextCaller}`));
  const persisted = (text: string) => ({
    persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(text).digest('hex') },
  });
  const good = 'query P { __typename }';
  const bad = '{ unknown }';
  expect(await ask({ extensions: persisted(good) })).toBe('PERSISTED_QUERY_NOT_FOUND');
  expect(await ask({ query: good, extensions: persisted(good) })).toBe('ok');
  expect(await ask({ extensions: persisted(good) })).toBe('ok');
  expect(await ask({ query: bad, extensions: persisted(bad) })).toBe('GRAPHQL_VALIDATION_FAILED');
  expect(await ask({ extensions: persisted(bad) })).toBe('PERSISTED_QUERY_NOT_FOUND');
  expect(await ask({ extensions: persisted(good), operationName: 'Q' })).toBe('OPERATION_RESOLUTION_FAILURE');
  expect(await ask({ extensions: persisted(good) })).toBe('RATE_LIMITED');
});
