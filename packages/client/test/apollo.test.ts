/** Answers that come late, through a real Apollo Client and from a real gateway. */
import { gql, type TypedDocumentNode } from '@apollo/client';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, test } from 'vitest';
import { ask, oneFace, submit } from '../../../test/support/caller.js';
import { Gate, until } from '../../../test/support/gate.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { startProxy } from '../../../test/support/tcp-proxy.js';
import { followJobs, JOB_FIELDS } from '../src/apollo/index.js';
import { SeenVersions } from '../src/apollo/seen-versions.js';
import type { Job, JobFilter } from '../src/index.js';
import { follow, JOB, shown, startApollo, type TestClient } from './apollo-client.js';

const JOBS: TypedDocumentNode<
  { jobs: { edges: readonly { node: Job }[]; pageInfo: { endCursor: string | null } } },
  { first: number; after?: string | null; filter?: JobFilter }
> = gql`
  query Jobs($first: Int, $after: String, $filter: JobFilter) {
    jobs(first: $first, after: $after, filter: $filter) {
      edges {
        node {
          ...GatewayJob
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
  ${JOB_FIELDS}
`;

let gateway: TestGateway;
let apollo: TestClient;
/** Holds the answer to the next request, which the gateway has given already. */
let holdNext: Gate | undefined;
let requests: number;

beforeAll(async () => {
  // Jobs end when a test says so.
  gateway = await startGateway({
    env: { AKOOL_MAX_CONCURRENCY: '20' },
    sandbox: { queueMs: 600_000, maxConcurrency: 20 },
  });
  apollo = startApollo(gateway.url, {
    fetch: async (...request) => {
      requests += 1;
      const gate = holdNext;
      holdNext = undefined;
      const answer = await fetch(...request);
      await gate?.pass();
      return answer;
    },
  });
});
afterEach(() => apollo.client.clearStore());
afterAll(async () => {
  await apollo?.stop();
  await gateway?.stop();
});

function finish(): void {
  gateway.sandbox.finish(gateway.sandbox.jobs.at(-1)?.id ?? '');
}

/** Begins a request whose answer arrives only after the job has ended and that is known. */
async function overtaken<Answer>(id: string, begin: () => Promise<Answer>): Promise<Answer> {
  const gate = new Gate();
  holdNext = gate;
  requests = 0;
  const answer = begin();
  await gate.arrived();
  const following = follow(apollo, id);
  finish();
  await following.ended;
  gate.open();
  return answer;
}

describe('an answer that the end of its job has overtaken', () => {
  it('to a query is asked for again, and never shown', async () => {
    const { id } = await submit(gateway.url);
    const seen: unknown[] = [];
    const watched = apollo.client.watchQuery({ query: JOB, variables: { id } });
    await overtaken(id, () => {
      const answered = new Promise<void>((resolve) => {
        watched.subscribe(({ data, loading }) => {
          if (data?.job) seen.push(data.job.status);
          if (!loading) resolve();
        });
      });
      return answered;
    });
    expect(seen).toEqual(['COMPLETED']);
    expect(shown(apollo, id)?.status).toBe('COMPLETED');
    expect(requests).toBe(2);
  });

  it('to a query for a list is asked for again', async () => {
    const { id } = await submit(gateway.url);
    const { data } = await overtaken(id, () => apollo.client.query({ query: JOBS, variables: { first: 5 } }));
    expect(data?.jobs.edges[0]?.node).toMatchObject({ id, status: 'COMPLETED' });
    expect(shown(apollo, id)?.status).toBe('COMPLETED');
    expect(requests).toBe(2);
  });

  it('to a mutation is answered from the cache', async () => {
    const idempotencyKey = crypto.randomUUID();
    const input = oneFace({ idempotencyKey });
    const { id } = await submit(gateway.url, input);
    const mutation: TypedDocumentNode<{ made: { deduplicated: boolean; one: Job } }> = gql`
      mutation Again($input: SubmitFaceSwapInput!) {
        made: submitFaceSwap(input: $input) {
          deduplicated
          ... on SubmitFaceSwapPayload { one: job { state: status, ...GatewayJob } }
        }
      }
      ${JOB_FIELDS}
    `;
    const { data } = await overtaken(id, () => apollo.client.mutate({ mutation, variables: { input } }));
    expect(data?.made).toMatchObject({
      deduplicated: true,
      one: { id, state: 'COMPLETED', status: 'COMPLETED', result: { url: expect.any(String) } },
    });
    expect(shown(apollo, id)?.status).toBe('COMPLETED');
    expect(requests).toBe(1);
  });
});

describe('the cache', () => {
  it("keeps what several queries select of one job's result", async () => {
    const { id } = await submit(gateway.url);
    const following = follow(apollo, id);
    finish();
    await following.ended;
    await apollo.client.clearStore();
    const ask = (fields: string) =>
      apollo.client.query({
        query: gql`query ($id: ID!) { job(id: $id) { id version result { ${fields} } } }`,
        variables: { id },
      });
    await ask('url');
    await ask('archived');
    const both = gql`query ($id: ID!) { job(id: $id) { id version result { url archived } } }`;
    expect(apollo.client.readQuery({ query: both, variables: { id } })).toMatchObject({
      job: { id, result: { url: expect.any(String), archived: expect.any(Boolean) } },
    });
  });

  it('collects the pages of a list', async () => {
    const ids = [await submit(gateway.url), await submit(gateway.url), await submit(gateway.url)].map(
      ({ id }) => id,
    );
    const list = apollo.client.watchQuery({ query: JOBS, variables: { first: 2 } });
    const shownIds = () => list.getCurrentResult().data?.jobs?.edges?.map((edge) => edge?.node?.id);
    const subscription = list.subscribe(() => {});
    await expect.poll(shownIds).toEqual([ids[2], ids[1]]);
    const after = list.getCurrentResult().data?.jobs?.pageInfo?.endCursor ?? null;
    await list.fetchMore({ variables: { first: 1, after } });
    await expect.poll(shownIds).toEqual([ids[2], ids[1], ids[0]]);
    subscription.unsubscribe();
  });
});

describe('what followJobs keeps up to date', () => {
  interface List {
    readonly ids: () => unknown;
    readonly more: () => Promise<unknown>;
  }

  function watch(filter: JobFilter): List {
    const list = apollo.client.watchQuery({ query: JOBS, variables: { first: 2, filter } });
    const subscription = list.subscribe(() => {});
    onTestFinished(() => subscription.unsubscribe());
    const jobs = () => list.getCurrentResult().data?.jobs;
    return {
      ids: () => jobs()?.edges?.map((edge) => edge?.node?.id),
      more: () => list.fetchMore({ variables: { after: jobs()?.pageInfo?.endCursor ?? null } }),
    };
  }

  it('are lists, with the pages that were loaded, and without asking again', async () => {
    const reference = crypto.randomUUID();
    const swap = (): Promise<{ id: string }> => submit(gateway.url, oneFace({ reference }));
    const ids = [await swap(), await swap(), await swap(), await swap()].map(({ id }) => id).toReversed();
    const all = watch({ reference });
    const completed = watch({ reference, status: ['COMPLETED'] });
    await expect.poll(all.ids).toEqual(ids.slice(0, 2));
    await expect.poll(completed.ids).toEqual([]);
    requests = 0;
    onTestFinished(followJobs(apollo.client));
    // Both are read again, once, because nobody knows what happened before.
    await expect.poll(() => requests).toBe(2);
    await all.more();
    await expect.poll(all.ids).toEqual(ids);
    requests = 0;

    const { id } = await swap();
    const other = await submit(gateway.url);
    await expect.poll(all.ids).toEqual([id, ...ids]);
    gateway.sandbox.finish(gateway.sandbox.jobs.at(-2)?.id ?? '');
    await expect.poll(completed.ids).toEqual([id]);
    expect(shown(apollo, id)).toMatchObject({ status: 'COMPLETED', result: { url: expect.any(String) } });
    await until(() => shown(apollo, other.id) !== null);
    await ask(gateway.url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id });
    await expect.poll(all.ids).toEqual(ids);
    await expect.poll(completed.ids).toEqual([]);
    const last = await swap();
    await expect.poll(all.ids).toEqual([last.id, ...ids]);
    expect(requests).toBe(0);
  });

  it('are lists that lack the times of jobs, by asking again', async () => {
    const reference = crypto.randomUUID();
    const query = gql`query ($filter: JobFilter) { jobs(filter: $filter) { edges { node { id version } } } }`;
    const list = apollo.client.watchQuery<{ jobs: { edges: readonly { node: { id: string } }[] } }>({
      query,
      variables: { filter: { reference } },
    });
    const subscription = list.subscribe(() => {});
    const ids = () => list.getCurrentResult().data?.jobs?.edges?.map((edge) => edge?.node?.id);
    await expect.poll(ids).toEqual([]);
    const stop = followJobs(apollo.client);
    const { id } = await submit(gateway.url, oneFace({ reference }));
    await expect.poll(ids).toEqual([id]);
    stop();
    subscription.unsubscribe();
  });
});

describe('a deleted job', () => {
  it('does not come back with a list that was on its way', async () => {
    const { id } = await submit(gateway.url);
    const following = follow(apollo, id);
    finish();
    await following.ended;
    const gate = new Gate();
    holdNext = gate;
    const list = apollo.client.query({ query: JOBS, variables: { first: 3 } });
    await gate.arrived();
    const deleted = new Promise<void>((resolve) => {
      const changes = gql`subscription { jobsChanged { kind cursor deletedId } }`;
      apollo.client
        .subscribe<{ jobsChanged: { kind: string; deletedId: string | null } }>({ query: changes })
        .subscribe(({ data }) => {
          if (data?.jobsChanged.kind === 'CURRENT') {
            void ask(gateway.url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id });
          }
          if (data?.jobsChanged.deletedId === id) resolve();
        });
    });
    await deleted;
    gate.open();
    const { data } = await list;
    expect(data?.jobs.edges.map(({ node }) => node.id)).not.toContain(id);
  });
});

describe('what comes by a socket', () => {
  it('late is shown as the state that is known already', async () => {
    const proxy = await startProxy(gateway.url);
    const slow = startApollo(proxy.url, { fetch: (_url, init) => fetch(`${gateway.url}/graphql`, init) });
    const { id } = await submit(gateway.url);
    const { states, ended } = follow(slow, id);
    await until(() => states.length > 0);
    await proxy.become('silent');
    const direct = follow(apollo, id);
    const provider = gateway.sandbox.jobs.at(-1)?.id ?? '';
    gateway.sandbox.advance(provider);
    await until(() => direct.states.at(-1)?.status === 'PROCESSING');
    gateway.sandbox.advance(provider);
    await direct.ended;
    await slow.client.query({ query: JOB, variables: { id } });
    await proxy.become('on');
    await ended;
    expect(states.map(({ status }) => status)).toEqual(['QUEUED', ...states.slice(1).map(() => 'COMPLETED')]);
    expect(states.length).toBeGreaterThan(2);
    await slow.stop();
    await proxy.stop();
  });
});

test('the memory of the link is bounded: what was seen longest ago is forgotten', () => {
  const seen = new SeenVersions();
  const jobs = Array.from({ length: 10_001 }, (_, n) => ({
    __typename: 'FaceSwapJob',
    id: `${n}`,
    version: 5,
  }));
  seen.note({ first: jobs[0] });
  expect(seen.isNewerThan({ __typename: 'FaceSwapJob', id: '0', version: 4 })).toBe(true);
  seen.note({ jobs });
  const known = jobs.filter((job) => seen.isNewerThan({ ...job, version: 4 }));
  expect(known).toEqual(jobs.slice(1));
});
