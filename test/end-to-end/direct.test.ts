/** Ordinary requests are answered without Apollo Server, with the same responses that it would give. */
import { hash } from 'node:crypto';
import { ApolloServer } from '@apollo/server';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startGateway, type TestGateway } from '../support/harness.js';

const KEY = 'key-of-ann-0123456789';
const SCOPED = '{ jobs { edges { node { id } } } }';
let gateway: TestGateway;
let id: string;

beforeAll(async () => {
  gateway = await startGateway({
    env: { AUTH_API_KEYS: `ann:${KEY}`, KEEP_RESULTS: 'false', RATE_MUTATIONS_PER_MINUTE: '2' },
  });
  const image = { path: 'https://example.com/a.jpg' };
  const { body } = await post({
    query: 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }',
    variables: { input: { sourceImage: [image], targetImage: [image] } },
  });
  id = JSON.parse(body).data.submitFaceSwap.job.id;
});
afterAll(() => gateway.stop());

async function post(request: Record<string, unknown>, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers },
    body: JSON.stringify(request),
  });
  const { date: _date, ...kept } = Object.fromEntries(response.headers);
  return { status: response.status, headers: kept, body: withoutReference(await response.text()) };
}

function withoutReference(body: string): string {
  return body.replace(/"reference":"[^"]+"/g, '"reference":""');
}

/** Repeats the request, because the first one may be answered differently from a known one. */
async function expectAsApollo(request: Record<string, unknown>, headers: Record<string, string> = {}) {
  // Ordinary requests have no `documentId`, so Apollo Server handles this one.
  const expected = await post({ ...request, documentId: 'none' }, headers);
  for (let i = 0; i < 4; i++) expect(await post(request, headers)).toEqual(expected);
  return expected;
}

const persisted = (sha256Hash: unknown, version: unknown = 1) => ({
  persistedQuery: { version, sha256Hash },
});

it.each<[string, object]>([
  ['the hash of another query', persisted('a'.repeat(64))],
  ['no hash', persisted(undefined)],
  ['another version', persisted(hash('sha256', SCOPED, 'hex'), 2)],
  ['nothing in it', { persistedQuery: {} }],
])('a persisted query with %s is the fault of its client', async (_what, extensions) => {
  const { status, body } = await post({ query: SCOPED, extensions });
  expect([status, JSON.parse(body).errors[0]]).toMatchObject([
    400,
    { message: expect.stringContaining('persistedQuery'), extensions: { code: 'BAD_REQUEST' } },
  ]);
});

it('takes input objects with the type names that clients add to what they receive', async () => {
  const query = 'query ($filter: JobFilter) { jobs(filter: $filter) { pageInfo { hasNextPage } } }';
  const variables = { filter: { status: ['CANCELED'], __typename: 'JobFilter' } };
  const answer = { data: { jobs: { pageInfo: { hasNextPage: false } } } };
  expect(JSON.parse((await post({ query, variables })).body)).toEqual(answer);
  const search = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const got = await fetch(`${gateway.url}/graphql?${search}`, {
    headers: { authorization: `Bearer ${KEY}`, 'apollo-require-preflight': 'true' },
  });
  expect(await got.json()).toEqual(answer);
});

describe('A persisted query', () => {
  const query = '{ jobs { pageInfo { hasNextPage } } }';
  const extensions = persisted(hash('sha256', query, 'hex'));
  const stream = async (request: object) => {
    const response = await fetch(`${gateway.url}/graphql/stream`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${KEY}`,
      },
      body: JSON.stringify(request),
    });
    return { status: response.status, text: await response.text() };
  };

  it('is found by its hash once its text was sent, over both addresses', async () => {
    const missing = await stream({ extensions });
    expect([missing.status, JSON.parse(missing.text).errors[0]]).toMatchObject([
      200,
      { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ]);
    expect((await stream({ query, extensions })).text).toContain('"hasNextPage":false');
    expect((await stream({ extensions })).text).toContain('"hasNextPage":false');
    expect((await post({ extensions })).body).toContain('"hasNextPage":false');
  });

  it('with the hash of another text is refused, and not kept', async () => {
    const other = '{ jobs { edges { node { id } } } }';
    expect((await stream({ query: other, extensions })).status).toBe(400);
    expect((await stream({ query, extensions: persisted('a', 2) })).status).toBe(400);
    expect((await stream({ extensions })).text).not.toContain('edges');
  });
});

it.each<[string, number, object]>([
  ['no extensions', 0, {}],
  [
    "Apollo Client's name",
    0,
    { extensions: { clientLibrary: { name: '@apollo/client', version: '4.2.0' } } },
  ],
  ['a persisted query', 1, { extensions: persisted(hash('sha256', SCOPED, 'hex')) }],
])('a request with %s reaches Apollo Server %i times', async (_what, times, more) => {
  const reached = vi.spyOn(ApolloServer.prototype, 'executeHTTPGraphQLRequest');
  await post({ query: SCOPED, ...more });
  expect(reached).toHaveBeenCalledTimes(times);
  reached.mockRestore();
});

describe('an ordinary request is answered as Apollo Server answers it', () => {
  it.each([
    [undefined],
    ['*/*'],
    ['application/json'],
    ['application/graphql-response+json'],
    ['application/graphql-response+json; charset=utf-8, application/json; charset=utf-8;q=0.9'],
    ['application/json;q=0.1, application/graphql-response+json'],
    ['multipart/mixed, application/json'],
  ])('whoever accepts %s', async (accept) => {
    const { status, headers } = await expectAsApollo(
      { query: SCOPED },
      accept === undefined ? {} : { accept },
    );
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^application\/(json|graphql-response\+json); charset=utf-8$/);
  });

  it.each([['text/html'], ['application/xml'], ['image/*;q=0.5']])('who accepts only %s', async (accept) => {
    expect((await expectAsApollo({ query: SCOPED }, { accept })).status).toBe(406);
  });

  it.each<[string, Record<string, unknown>]>([
    [
      'variables',
      { query: 'query ($n: Int) { jobs(first: $n) { pageInfo { hasNextPage } } }', variables: { n: 1 } },
    ],
    ['variables that are null', { query: SCOPED, variables: null, operationName: null }],
    ['a name', { query: 'query A { __typename } query B { jobs { __typename } }', operationName: 'B' }],
    ['no name where one is needed', { query: 'query A { __typename } query B { __typename }' }],
    ['a name that is not there', { query: SCOPED, operationName: 'C' }],
    ['an empty name', { query: SCOPED, operationName: '' }],
    ['a name that is a number', { query: SCOPED, operationName: 1 }],
    [
      'more faults in variables than are told',
      {
        query: 'query ($of: [JobStatus!]) { jobs(filter: { status: $of }) { __typename } }',
        variables: { of: Array(60).fill('NONE') },
      },
    ],
    [
      'variables that do not fit',
      { query: 'query ($n: Int) { jobs(first: $n) { __typename } }', variables: { n: 'x' } },
    ],
    ['variables that are missing', { query: 'query ($id: ID!) { job(id: $id) { id } }' }],
    ['variables that are a list', { query: SCOPED, variables: [] }],
    ['variables that are text', { query: SCOPED, variables: '{}' }],
    ['an error beside data', { query: '{ jobs(first: 1000) { __typename } __typename }' }],
    ['a field that is not there', { query: '{ nothing }' }],
    ['no GraphQL', { query: '{' }],
    ['an empty text', { query: '' }],
    ['a text that is a number', { query: 1 }],
    ['a subscription', { query: 'subscription { jobsUpdated { id } }' }],
    ['nothing asked of it', { query: '{ __typename }' }],
    ['something unknown beside it', { query: SCOPED, more: 1 }],
    ['extensions', { query: SCOPED, extensions: { a: 1 } }],
    ['extensions that are null', { query: SCOPED, extensions: null }],
    ['extensions that are a list', { query: SCOPED, extensions: [] }],
    ['extensions that are text', { query: SCOPED, extensions: 'a' }],
    ['the schema', { query: '{ __schema { queryType { name } } }' }],
    [
      'too many aliases',
      { query: `{ ${Array.from({ length: 200 }, (_, i) => `a${i}: __typename`).join(' ')} }` },
    ],
  ])('with %s', async (_what, request) => {
    await expectAsApollo(request);
  });

  it('with a job, in all its parts', async () => {
    const query = `query ($id: ID!) { job(id: $id) { __typename id version createdAt
      history { version note } ... on FaceSwapJob { sourceImage { path opts } } } }`;
    const { body } = await expectAsApollo({ query, variables: { id } });
    expect(JSON.parse(body)).toMatchObject({ data: { job: { __typename: 'FaceSwapJob', id } } });
  });

  it.each([[''], ['Bearer wrong'], ['Basic abc']])('with the credentials "%s"', async (authorization) => {
    expect((await expectAsApollo({ query: SCOPED }, { authorization })).status).toBe(401);
  });

  it('with mutations, each counted once, until there are too many', async () => {
    const cancel = { query: 'mutation { cancelJob(id: "nobody") { id } }' };
    // The submit above was one of two per minute.
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await post(cancel));
    expect(answers.map(({ status }) => status)).toEqual([200, 429, 429, 429]);
    expect(answers[0]?.body).toContain('NOT_FOUND');
    expect(answers[1]?.headers['retry-after']).toMatch(/^\d+$/);
  });
});
