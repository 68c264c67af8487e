/** A back end submits and hands out a token with the same call, with which a browser follows that job. */
import { SignJWT } from 'jose';
import { EventSource } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, dataOf, oneFace, submit } from '../support/caller.js';
import { knock } from '../support/doors.js';
import { recordedLog, startGateway, type TestGateway } from '../support/harness.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

interface Payload {
  readonly job: { readonly id: string };
  readonly followToken: { readonly token: string; readonly expiresAt: string } | null;
}

const PRO = (more = '') =>
  `mutation ($input: SubmitFaceSwapInput!) { submit: submitFaceSwap(input: $input) { job { id } followToken${more} { token expiresAt } } }`;
const PLUS =
  'mutation ($input: SubmitFaceSwapPlusInput!) { submit: submitFaceSwapPlus(input: $input) { job { id } followToken { token expiresAt } } }';
const PLUS_INPUT = {
  sourceUrl: 'https://example.com/a.jpg',
  targetUrl: 'https://example.com/b.jpg',
  singleFaceMode: true,
};

it.each([
  ['submitFaceSwap', PRO(), oneFace(), 3600],
  ['submitFaceSwap, for a week', PRO('(expiresInSeconds: 604800)'), oneFace(), 604_800],
  ['submitFaceSwapPlus', PLUS, PLUS_INPUT, 3600],
])('%s gives a token for its job, and for nothing else', async (_name, query, input, seconds) => {
  const other = await submit(gateway.url);
  const before = Date.now();
  const { submit: payload } = await dataOf(ask<{ submit: Payload }, object>(gateway.url, query, { input }));
  const { token = '', expiresAt = '' } = payload.followToken ?? {};
  const life = Date.parse(expiresAt) - before;
  expect(life).toBeGreaterThanOrEqual(seconds * 1000);
  expect(life).toBeLessThan(seconds * 1000 + 60_000);

  const read = async (id: string): Promise<unknown> =>
    (await knock('http', gateway.url, { query: `{ job(id: "${id}") { id } }` }, token)).data;
  expect(await read(payload.job.id)).toEqual({ job: { id: payload.job.id } });
  expect(await read(other.id)).toEqual({ job: null });
});

it('a token that cannot be made hides no job', async () => {
  const { body } = await ask<{ submit: Payload }, object>(gateway.url, PRO('(expiresInSeconds: 0)'), {
    input: oneFace(),
  });
  const id = body.data?.submit.job.id;
  expect(id).toEqual(expect.any(String));
  expect(body.data?.submit.followToken).toBeNull();
  expect(body.errors).toMatchObject([
    {
      path: ['submit', 'followToken'],
      extensions: {
        code: 'BAD_USER_INPUT',
        jobId: id,
        fieldErrors: [{ path: 'expiresInSeconds', code: 'EXPIRY_INVALID' }],
      },
    },
  ]);
});

describe('in the query', () => {
  const KEY = 'acme-key-7c1';
  const SECRET = 'a secret of at least 32 characters';
  const PATHS = ['/graphql/stream', '/graphql'];
  const { log, lines } = recordedLog('trace');
  let closed: TestGateway;
  let id: string;
  let token: string;

  beforeAll(async () => {
    const env = { AUTH_API_KEYS: `acme:${KEY}`, AUTH_JWT_SECRET: SECRET };
    closed = await startGateway({ env, overrides: { log }, sandbox: { queueMs: 500 } });
    const { data } = await knock('http', closed.url, { query: PRO(), variables: { input: oneFace() } }, KEY);
    const { submit: payload } = data as { submit: Payload };
    id = payload.job.id;
    token = payload.followToken?.token ?? '';
  });
  afterAll(() => closed.stop());

  const get = (path: string, search: string, headers: Record<string, string> = {}): Promise<Response> => {
    const query = new URLSearchParams({ query: `subscription { jobUpdated(id: "${id}") { status } }` });
    return fetch(`${closed.url}${path}?${query}&${search}`, {
      headers: { accept: 'text/event-stream', ...headers },
    });
  };

  it.each(PATHS)('of %s lets an EventSource follow its job to the end', async (path) => {
    const query = `subscription { jobUpdated(id: "${id}") { status } }`;
    const search = new URLSearchParams({ query, access_token: token });
    const source = new EventSource(`${closed.url}${path}?${search}`);
    const seen: string[] = [];
    source.addEventListener('next', (event) => seen.push(String((event as MessageEvent).data)));
    await new Promise((resolve) => source.addEventListener('complete', resolve));
    source.close();
    expect(seen.at(-1)).toContain('"COMPLETED"');
  });

  it.each(PATHS)('of %s reads no other job, and is kept by no cache', async (path) => {
    const search = new URLSearchParams({
      query: '{ job(id: "another") { id } jobs { edges { cursor } } }',
      access_token: token,
    });
    const answer = await fetch(`${closed.url}${path}?${search}`, {
      headers: { accept: 'text/event-stream' },
    });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(await answer.text()).toContain('"code":"FORBIDDEN"');
  });

  it('is the only credential that is taken from there, once, and for event streams alone', async () => {
    const jwt = await new SignJWT({ tenant: 'acme' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET));
    const forged = await new SignJWT({ tenant: 'acme', job: id })
      .setProtectedHeader({ alg: 'HS256', typ: 'follow+jwt' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET));
    const named = `access_token=${token}`;
    const header = { authorization: `Bearer ${token}` };
    const json = { accept: 'application/json' };
    const refusals: [string, Record<string, string>, number, string, RegExp][] = [
      [`access_token=${KEY}`, {}, 401, 'UNAUTHENTICATED', /follow token.*Authorization: Bearer/],
      [`access_token=${jwt}`, {}, 401, 'UNAUTHENTICATED', /follow token.*Authorization: Bearer/],
      ['access_token=', {}, 401, 'UNAUTHENTICATED', /follow token/],
      [`access_token=${forged}`, {}, 401, 'UNAUTHENTICATED', /not valid/],
      [named, header, 400, 'BAD_REQUEST', /once/],
      [`${named}&${named}`, {}, 400, 'BAD_REQUEST', /once/],
      [
        named,
        { origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site' },
        400,
        'BAD_REQUEST',
        /CSRF/,
      ],
    ];
    for (const path of PATHS) {
      for (const [search, headers, status, code, message] of refusals) {
        const answer = await get(path, search, headers);
        expect([search, answer.status, await answer.json()]).toEqual([
          search,
          status,
          { errors: [{ message: expect.stringMatching(message), extensions: { code } }] },
        ]);
      }
    }
    const asked = await get('/graphql', named, json);
    expect([asked.status, await asked.json()]).toMatchObject([
      400,
      { errors: [{ message: expect.stringMatching(/text\/event-stream/) }] },
    ]);
  });

  it('is in no line of the log', () => {
    expect(lines.length).toBeGreaterThan(0);
    const written = JSON.stringify(lines);
    expect(written).not.toContain(token);
    expect(written).not.toContain(KEY);
    expect(written).not.toContain('access_token');
  });
});
