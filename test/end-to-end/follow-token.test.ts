/** A back end submits and hands out a token with the same call, with which a browser follows that job. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, dataOf, oneFace, submit } from '../support/caller.js';
import { knock } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';

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
