/** Three common front-end clients, each following a job from its submit to its end. */
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, type TypedDocumentNode } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { cacheExchange, fetchExchange, subscriptionExchange, Client as UrqlClient } from '@urql/core';
import { OperationTypeNode } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectWholeLife, follow, lookUp, oneFace, openSocket, run, submit } from '../support/caller.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { JOB, JOB_UPDATED, JOBS, type Operation, type SeenJob, SUBMIT } from '../support/operations.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { KEEP_RESULTS: 'false' } });
});
afterAll(async () => {
  await gateway.stop();
});

/** The first event shows the job's current state, the last one its end. */
async function expectFollowed(submitted: SeenJob, seen: readonly SeenJob[]): Promise<void> {
  const last = await lookUp(gateway.url, submitted.id);
  expect(last).toMatchObject({ status: 'COMPLETED', providerId: expect.any(String), error: null });
  expect(submitted.providerId ?? last.providerId).toBe(last.providerId);
  expect(last.result?.providerUrl).toContain(gateway.sandbox.url);
  expect(seen[0]?.version).toBeGreaterThanOrEqual(submitted.version);
  expectWholeLife(seen, last);
}

describe('Apollo Client', () => {
  function connect() {
    const socket = openSocket(gateway.url);
    const client = new ApolloClient({
      link: ApolloLink.split(
        ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
        new GraphQLWsLink(socket),
        new HttpLink({ uri: `${gateway.url}/graphql` }),
      ),
      cache: new InMemoryCache({ possibleTypes: { Job: ['FaceSwapJob'] } }),
    });
    return { socket, client };
  }

  it('follows a job from submit to COMPLETED, and its cache has the end under the same id', async () => {
    const { socket, client } = connect();
    const { data } = await client.mutate({ mutation: typed(SUBMIT), variables: { input: oneFace() } });
    const submitted = data?.submitFaceSwap.job;
    if (submitted === undefined) throw new Error('Nothing was submitted');
    expect(submitted).toMatchObject({ __typename: 'FaceSwapJob', status: 'QUEUED' });
    const { id } = submitted;
    await client.query({ query: typed(JOB), variables: { id } });

    const seen: SeenJob[] = [];
    await new Promise<void>((resolve, reject) => {
      client.subscribe({ query: typed(JOB_UPDATED), variables: { id } }).subscribe({
        next: ({ data: update, error }) => {
          if (error) reject(error);
          else if (update) seen.push(update.jobUpdated);
        },
        error: reject,
        complete: resolve,
      });
    });

    await expectFollowed(submitted, seen);
    const cached = client.readQuery({ query: typed(JOB), variables: { id } });
    expect(cached?.job).toEqual(seen.at(-1));
    client.stop();
    await socket.dispose();
  });

  it('is told what is wrong with an input, field by field', async () => {
    const { socket, client } = connect();
    const input = oneFace({ sourceImage: [] });
    const failing = client.mutate({ mutation: typed(SUBMIT), variables: { input } });
    await expect(failing).rejects.toMatchObject({
      errors: [
        {
          extensions: {
            code: 'BAD_USER_INPUT',
            fieldErrors: [expect.objectContaining({ path: 'input.sourceImage', code: 'TOO_FEW_IMAGES' })],
          },
        },
      ],
    });
    client.stop();
    await socket.dispose();
  });
});

describe('urql', () => {
  function connect() {
    const socket = openSocket(gateway.url);
    const client = new UrqlClient({
      url: `${gateway.url}/graphql`,
      exchanges: [
        cacheExchange,
        fetchExchange,
        subscriptionExchange({
          forwardSubscription: ({ query, variables }) => ({
            subscribe: (sink) => ({
              unsubscribe: socket.subscribe(
                { query: query ?? '', variables: { ...variables } },
                {
                  next: ({ data = null, errors }) =>
                    sink.next({ data, ...(errors && { errors: [...errors] }) }),
                  error: (error) => sink.error(error),
                  complete: () => sink.complete(),
                },
              ),
            }),
          }),
        }),
      ],
    });
    return { socket, client };
  }

  it('follows a job from submit to COMPLETED', async () => {
    const { socket, client } = connect();
    const { data, error } = await client.mutation(typed(SUBMIT), { input: oneFace() }).toPromise();
    expect(error).toBeUndefined();
    const submitted = data?.submitFaceSwap.job;
    if (submitted === undefined) throw new Error('Nothing was submitted');
    expect(submitted.status).toBe('QUEUED');

    const seen: SeenJob[] = [];
    const failures: Error[] = [];
    await new Promise<void>((resolve) => {
      client.subscription(typed(JOB_UPDATED), { id: submitted.id }).subscribe((result) => {
        if (result.error) failures.push(result.error);
        // When the subscription completes, urql repeats the last result with `hasNext: false`.
        if (!result.hasNext) resolve();
        else if (result.data) seen.push(result.data.jobUpdated);
      });
    });

    expect(failures).toEqual([]);
    await expectFollowed(submitted, seen);
    await socket.dispose();
  });

  it('follows by fetch, and asks for all else as ever', async () => {
    const client = new UrqlClient({
      url: `${gateway.url}/graphql`,
      exchanges: [cacheExchange, fetchExchange],
      fetchSubscriptions: true,
    });
    const { data } = await client.mutation(typed(SUBMIT), { input: oneFace() }).toPromise();
    const submitted = data?.submitFaceSwap.job;
    if (submitted === undefined) throw new Error('Nothing was submitted');
    const seen: SeenJob[] = [];
    const failures: Error[] = [];
    await new Promise<void>((resolve) => {
      client.subscription(typed(JOB_UPDATED), { id: submitted.id }).subscribe((result) => {
        if (result.error) failures.push(result.error);
        if (!result.hasNext) resolve();
        else if (result.data) seen.push(result.data.jobUpdated);
      });
    });
    expect(failures).toEqual([]);
    await expectFollowed(submitted, seen);
  });

  it('asks with its own defaults, and is answered', async () => {
    const { socket, client } = connect();
    const { id } = await submit(gateway.url);
    const one = await client.query(typed(JOB), { id }).toPromise();
    expect(one.error).toBeUndefined();
    expect(one.data?.job?.id).toBe(id);
    const many = await client.query(typed(JOBS), { first: 1 }).toPromise();
    expect(many.error).toBeUndefined();
    expect(many.data?.jobs.edges).toMatchObject([{ node: { id } }]);
    await socket.dispose();
  });
});

describe("Another site's page", () => {
  it.each<[string, Record<string, string>]>([
    ['a link or a picture', { accept: '*/*' }],
    ['a script', { accept: 'application/json', 'sec-fetch-site': 'cross-site' }],
  ])('gets no answer by %s', async (_what, headers) => {
    const answer = await fetch(`${gateway.url}/graphql?query=${encodeURIComponent('{ __typename }')}`, {
      headers,
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).not.toContain('"data"');
  });
});

describe('graphql-ws alone', () => {
  it('follows a job from submit to COMPLETED', async () => {
    const submitted = await submit(gateway.url);
    expect(submitted.status).toBe('QUEUED');
    await expectFollowed(submitted, await follow(gateway.url, submitted.id));
  });

  it('sees every state of a job that waits at first', async () => {
    const gate = gateway.sandbox.hold('submit');
    const ahead = [submit(gateway.url), submit(gateway.url), submit(gateway.url)];
    await expect.poll(() => gate.waiting).toBe(3);
    const submitted = await submit(gateway.url);
    expect(submitted).toMatchObject({ status: 'WAITING', queuePosition: 1, providerId: null });
    const socket = openSocket(gateway.url);
    const updates = run(socket, JOB_UPDATED, { id: submitted.id });
    const seen: SeenJob[] = [];
    for await (const { data } of { [Symbol.asyncIterator]: () => updates }) {
      if (data && seen.push(data.jobUpdated) === 1) gate.release();
    }
    await socket.dispose();
    await Promise.all(ahead);
    await expectFollowed(submitted, seen);
    const statuses = seen.map(({ status }) => status);
    expect(statuses.filter((status, i) => status !== statuses[i - 1])).toEqual([
      'WAITING',
      'SUBMITTING',
      'QUEUED',
      'PROCESSING',
      'COMPLETED',
    ]);
  });

  it('of a job that is over, tells its end and completes', async () => {
    const { id } = await submit(gateway.url);
    const last = (await follow(gateway.url, id)).at(-1);
    expect(await follow(gateway.url, id)).toEqual([last]);
  });
});

/** Clients infer types from the document; this converts our tests' type, which is equivalent. */
function typed<Data, Variables>(operation: Operation<Data, Variables>): TypedDocumentNode<Data, Variables> {
  return operation as unknown as TypedDocumentNode<Data, Variables>;
}
