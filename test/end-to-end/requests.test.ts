/** The inputs of jobs: read only if selected, and once for all jobs of an operation. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { upTo } from '../support/caller.js';
import { DOORS, knock, type Request } from '../support/doors.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';

const addressOf = (n: number): string => `https://example.com/${n}.jpg`;
const PRO = '... on FaceSwapJob { sourceImage { path } targetImage { path opts } faceEnhance }';
const PLUS = '... on FaceSwapPlusJob { sourceUrl modelStyle singleFaceMode }';

let gateway: TestGateway;
/** The ids of each read of stored requests. */
let reads: (readonly string[])[];
let found: 'all' | 'none' | 'no answer';
/** Whether the store may return requests that it has in memory. */
let isKept: boolean;

beforeAll(async () => {
  gateway = await startGateway({
    env: { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' },
    overrides: {
      wrapStore: (store) =>
        withMethods(store, {
          keptRequest: (id) => (isKept ? store.keptRequest(id) : null),
          requests: (ids) => {
            reads.push(ids);
            if (found === 'no answer') return Promise.reject(new Error('away'));
            return found === 'none' ? Promise.resolve(new Map()) : store.requests(ids);
          },
        }),
    },
  });
  for (const ten of [0, 10, 20, 30, 40]) {
    const fields = upTo(ten + 10, ten + 1).map((n) => {
      const image = `[{ path: "${addressOf(n)}" }]`;
      return n % 10 === 0
        ? `s${n}: submitFaceSwapPlus(input: { sourceUrl: "${addressOf(n)}", targetUrl: "${addressOf(n)}", singleFaceMode: true }) { job { id } }`
        : `s${n}: submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} }) { job { id } }`;
    });
    const { errors } = await knock('http', gateway.url, { query: `mutation { ${fields.join(' ')} }` }, null);
    expect(errors).toEqual([]);
  }
});
afterAll(() => gateway.stop());
beforeEach(() => {
  reads = [];
  found = 'all';
  isKept = false;
});

/** The nth job as a list shows it. */
function shown(n: number): object {
  const image = { path: addressOf(n) };
  return n % 10 === 0
    ? { sourceUrl: addressOf(n), modelStyle: 'REALISTIC', singleFaceMode: true }
    : { sourceImage: [image], targetImage: [{ ...image, opts: null }], faceEnhance: false };
}

function nodesOf(data: unknown): readonly { readonly id: string; readonly __typename: string }[] {
  const { jobs } = data as { jobs: { edges: { node: { id: string; __typename: string } }[] } };
  return jobs.edges.map(({ node }) => node);
}

describe.each(DOORS)('by %s', (door) => {
  const ask = (request: Request) => knock(door, gateway.url, request, null);

  it('those that are in memory are not read, for a query that is no dear one', async () => {
    const query = { query: `{ jobs(last: 5) { edges { node { ${PRO} ${PLUS} } } } }` };
    const { data } = await ask(query);
    reads = [];
    isKept = true;
    expect((await ask(query)).data).toEqual(data);
    expect(reads).toEqual([]);
  });

  it('those of all jobs on several pages are read once, 25 at a time', async () => {
    const page = `jobs(last: 50) { edges { node { ${PRO} ${PLUS} } } }`;
    const { data, errors } = await ask({ query: `{ a: ${page} b: ${page} }` });
    expect(errors).toEqual([]);
    const nodes = upTo(50).map((n) => ({ node: shown(n) }));
    expect(data).toEqual({ a: { edges: nodes.toReversed() }, b: { edges: nodes.toReversed() } });
    expect(reads.map((ids) => ids.length)).toEqual([25, 25]);
  });

  it('none is read where none is selected', async () => {
    const fields = 'id status version queuePosition waitingReason history { status }';
    const { data, errors } = await ask({
      query: `{ jobs(first: 50) { edges { node { __typename ${fields} } } } }`,
    });
    expect(errors).toEqual([]);
    expect(new Set(nodesOf(data).map(({ __typename }) => __typename))).toEqual(
      new Set(['FaceSwapJob', 'FaceSwapPlusJob']),
    );
    expect(reads).toEqual([]);
  });

  it('that of a job that was just submitted is as it was submitted, where it cannot be read', async () => {
    const image = `[{ path: "${addressOf(1)}" }]`;
    const submit = `submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} })`;
    found = 'no answer';
    const { data, errors } = await ask({ query: `mutation { ${submit} { job { id ${PRO} } } }` });
    expect(errors).toEqual([]);
    expect(data).toEqual({ submitFaceSwap: { job: { id: expect.any(String), ...shown(1) } } });
  });

  it('that of a job which is erased meanwhile is told to be gone', async () => {
    found = 'none';
    const { data, errors } = await ask({
      query: `{ jobs(first: 1) { edges { node { id ${PRO} ${PLUS} } } } }`,
    });
    expect(data).toBeNull();
    expect(errors[0]).toMatchObject({
      message: 'There is no job with this id.',
      extensions: { code: 'NOT_FOUND' },
    });
  });
});

it('those that would be too much for one answer are refused before they are read', async () => {
  const path = `https://example.com/${'x'.repeat(4000)}.jpg`;
  const images = Array(50).fill({ path, opts: '1,1:2,2:3,3:4,4' });
  const submit = 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }';
  const ask = (request: Request) => knock('http', gateway.url, request, null);
  const input = { sourceImage: images, targetImage: images };
  const { data } = await ask({ query: submit, variables: { input } });
  const { submitFaceSwap } = data as { readonly submitFaceSwap: { readonly job: { readonly id: string } } };
  const { id } = submitFaceSwap.job;
  const job = `job(id: "${id}") { ... on FaceSwapJob { sourceImage { opts } } }`;
  const { errors } = await ask({ query: `{ ${upTo(50).map((n) => `a${n}: ${job}`)} }` });
  expect(errors[0]).toMatchObject({
    message: 'The answer would exceed 16 MiB: request fewer jobs at once, or fewer fields of each.',
    extensions: { code: 'BAD_USER_INPUT' },
  });
});

it.each(['socket', 'stream'] as const)('an event by %s that selects it reads it once', async (door) => {
  const list = await knock(
    'http',
    gateway.url,
    { query: '{ jobs(last: 1) { edges { node { id } } } }' },
    null,
  );
  const id = nodesOf(list.data)[0]?.id ?? '';
  const event = async (fields: string) => {
    const query = `subscription { jobUpdated(id: "${id}") { id ${fields} } }`;
    return knock(door, gateway.url, { query }, null);
  };
  expect((await event(PRO)).text).toContain(addressOf(1));
  expect(reads).toEqual([[id]]);
  expect((await event('status')).text).not.toContain(addressOf(1));
  expect(reads).toHaveLength(1);
});
