/** Queue positions requested by the hundred: read together, and counted by their cost. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { upTo } from '../support/caller.js';
import { DOORS, knock, type Request } from '../support/doors.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';

const JOBS = 40;
const IMAGE = '[{ path: "https://example.com/a.jpg" }]';
const aliased = (count: number, field: string): string =>
  `{ ${upTo(count)
    .map((n) => `a${n}: ${field}`)
    .join(' ')} }`;

let gateway: TestGateway;
let reads: number;

beforeAll(async () => {
  gateway = await startGateway({
    env: { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' },
    overrides: {
      wrapStore: (store) =>
        withMethods(store, {
          queuePositions: (ids) => {
            // The gateway also reads them itself for followed jobs.
            if (ids.length > 0) reads += 1;
            return store.queuePositions(ids);
          },
        }),
    },
  });
  const submit = `submitFaceSwap(input: { sourceImage: ${IMAGE}, targetImage: ${IMAGE} }) { job { id } }`;
  const { errors } = await knock('http', gateway.url, { query: `mutation ${aliased(JOBS, submit)}` }, null);
  expect(errors).toEqual([]);
});
afterAll(() => gateway.stop());

describe.each(DOORS)('by %s', (door) => {
  const ask = (request: Request) => knock(door, gateway.url, request, null);

  it('the positions of all jobs on many pages are one read', async () => {
    reads = 0;
    const query = aliased(14, 'jobs(first: 100) { edges { node { id queuePosition } } }');
    const { data, errors } = await ask({ query });
    expect([errors, reads]).toEqual([[], 1]);
    const pages = Object.values(data ?? {}) as { edges: { node: { queuePosition: number } }[] }[];
    expect(pages).toHaveLength(14);
    for (const { edges } of pages) {
      expect(edges.map(({ node }) => node.queuePosition)).toEqual(upTo(JOBS).reverse());
    }
  });

  it.each([
    ['queuePosition', 'queuePosition'],
    ['history', 'history { note }'],
  ])('%s on too many pages is refused, and what comes with each job is not', async (_what, field) => {
    const query = (asked: string) => aliased(50, `jobs(first: 100) { edges { node { ${asked} } } }`);
    const refused = await ask({ query: query(field) });
    expect([refused.data, refused.errors]).toMatchObject([
      null,
      [{ message: 'The query is too large: its cost is over the limit of 50000.' }],
    ]);
    expect((await ask({ query: query('status') })).errors).toEqual([]);
  });
});
