/** What clients see while the database cannot answer; they need only retry. */
import { createClient as createSseClient } from 'graphql-sse';
import { EventSource } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JobStore } from '../../src/services/jobs/job-store.js';
import { ask, dataOf, lookUp, oneFace, openSocket, run, submit } from '../support/caller.js';
import { bareSocket } from '../support/doors.js';
import { Gate } from '../support/gate.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { JOB_UPDATED, JOBS_UPDATED, SUBMIT } from '../support/operations.js';
import { postgresUrl, redisUrl, type TestDatabase, withDatabase } from '../support/services.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const postgres = await postgresUrl();
const redis = await redisUrl();

const FOLLOW = 'subscription ($id: ID!) { jobUpdated(id: $id) { id version status } }';

interface Followed {
  readonly jobUpdated: { readonly id: string; readonly version: number; readonly status: string };
}

/** Only the error, and when to retry. */
async function expectUnavailable(response: Response): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('2');
  const { errors, ...rest } = (await response.json()) as { errors: { extensions: object }[] };
  expect(rest).toEqual({});
  for (const { extensions } of errors) expect(extensions).toMatchObject({ code: 'STORE_UNAVAILABLE' });
}

describe.skipIf(postgres === null)('while PostgreSQL is away', { timeout: 30_000 }, () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let gateway: TestGateway;

  beforeAll(async () => {
    database = await withDatabase(postgres ?? '');
    proxy = await startProxy(database.url);
    gateway = await startGateway({ env: { DATABASE_URL: proxy.url } });
  });
  afterEach(() => proxy.become('on'));
  afterAll(async () => {
    await gateway.stop();
    await proxy.stop();
    await database.drop();
  });

  /** Cuts the gateway's connections, and waits until it has noticed. */
  async function away(): Promise<void> {
    await proxy.become('away');
    await expect.poll(async () => (await fetch(`${gateway.url}/readyz`)).status).toBe(503);
  }

  const post = (path: string, body: object, accept = 'application/json') =>
    fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify(body),
    });

  test('a query is 503 with Retry-After and no data, in whatever way it comes', async () => {
    const { id } = await submit(gateway.url);
    const query = `{ __typename job(id: "${id}") { status } account { slots { used } } }`;
    const accepts = ['application/json', 'application/graphql-response+json'];
    // The first request of a kind may be handled differently from later ones.
    for (const accept of accepts) expect((await post('/graphql', { query }, accept)).status).toBe(200);
    await away();
    for (const accept of accepts) await expectUnavailable(await post('/graphql', { query }, accept));
    await expectUnavailable(
      await fetch(`${gateway.url}/graphql?query=${encodeURIComponent(query)}`, {
        headers: { accept: 'application/json' },
      }),
    );
    await expectUnavailable(await post('/graphql/stream', { query }, 'text/event-stream'));
    await proxy.become('on');
    await expect.poll(async () => (await post('/graphql', { query })).status).toBe(200);
  });

  test('a submit is 503, and no job exists', async () => {
    const key = 'during the outage';
    const input = oneFace({ idempotencyKey: key });
    const before = gateway.sandbox.bills.length;
    await away();
    const body = {
      query: 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { deduplicated } }',
    };
    await expectUnavailable(await post('/graphql', { ...body, variables: { input } }));
    await proxy.become('on');
    await expect.poll(async () => (await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    const { submitFaceSwap } = await dataOf(ask(gateway.url, SUBMIT, { input }));
    expect(submitFaceSwap.deduplicated).toBe(false);
    expect(gateway.sandbox.bills).toHaveLength(before + 1);
  });

  test("a graphql-ws client that subscribes comes again by itself, and sees the job's end", async () => {
    const { id } = await submit(gateway.url);
    await away();
    const closes: number[] = [];
    const socket = openSocket(gateway.url, {
      retryAttempts: 10,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
      on: { closed: (event) => void closes.push((event as { code: number }).code) },
    });
    const events = run<Followed, { id: string }>(socket, FOLLOW, { id });
    const first = events.next();
    await expect.poll(() => closes).toContain(1013);
    await proxy.become('on');
    let { value } = await first;
    for await (const event of { [Symbol.asyncIterator]: () => events }) value = event;
    expect(value).toMatchObject({ data: { jobUpdated: { id, status: 'COMPLETED' } } });
    expect(new Set(closes)).toEqual(new Set([1013]));
    await socket.dispose();
  });

  test('a mutation over a socket is answered, for a client would send it again', async () => {
    await away();
    const socket = openSocket(gateway.url, { retryAttempts: 10 });
    const { value } = await run(socket, SUBMIT, { input: oneFace() }).next();
    expect(value).toMatchObject({ data: null, errors: [{ extensions: { code: 'STORE_UNAVAILABLE' } }] });
    await socket.dispose();
  });

  test('a graphql-sse client comes again by itself, and sees the end', async () => {
    const { id } = await submit(gateway.url);
    await away();
    let tries = 0;
    const client = createSseClient({
      url: `${gateway.url}/graphql/stream`,
      retryAttempts: 10,
      retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
      on: {
        connecting: () => {
          tries += 1;
        },
      },
    });
    const events = client.iterate<Followed>({ query: FOLLOW, variables: { id } });
    const first = events.next();
    await expect.poll(() => tries).toBeGreaterThan(2);
    await proxy.become('on');
    let { value } = await first;
    for await (const event of events) value = event;
    expect(value).toMatchObject({ data: { jobUpdated: { id, status: 'COMPLETED' } } });
    client.dispose();
  });

  test('an EventSource, which takes any refusal for final, comes again and sees the end', async () => {
    const { id } = await submit(gateway.url);
    await away();
    const query = `${FOLLOW}&variables=${encodeURIComponent(JSON.stringify({ id }))}`;
    const source = new EventSource(`${gateway.url}/graphql/stream?query=${query}`);
    let errors = 0;
    source.onerror = () => {
      errors += 1;
    };
    const completed = new Promise<void>((resolve) => {
      source.addEventListener('next', (event) => {
        const { data } = JSON.parse(String((event as MessageEvent).data)) as { data: Followed };
        if (data.jobUpdated.status === 'COMPLETED') resolve();
      });
    });
    await expect.poll(() => errors).toBeGreaterThan(0);
    expect(source.readyState).toBe(source.CONNECTING);
    await proxy.become('on');
    await completed;
    source.close();
  });

  test("Akool's callbacks are 503, kept results and the probe of life are as ever", async () => {
    const { id } = await submit(gateway.url);
    await expect.poll(async () => (await lookUp(gateway.url, id)).result?.archived).toBe(true);
    const { result } = await lookUp(gateway.url, id);
    await away();
    const callback = await post('/webhooks/akool/some-token', {});
    expect(callback.status).toBe(503);
    expect((await fetch(result?.url ?? '')).status).toBe(200);
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
  });
});

describe.skipIf(postgres === null || redis === null)('two gateways, one cut off from PostgreSQL', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let whole: TestGateway;
  let cutOff: TestGateway;

  beforeAll(async () => {
    database = await withDatabase(postgres ?? '');
    proxy = await startProxy(database.url);
    const env = { REDIS_URL: redis ?? '' };
    const sandbox = { queueMs: 1500, processMs: 3000 };
    whole = await startGateway({ env: { ...env, DATABASE_URL: database.url }, sandbox });
    cutOff = await startGateway({
      env: { ...env, DATABASE_URL: proxy.url },
      sandbox,
      // Each has a sandbox of its own. This one's would have jobs that the other can't ask for.
      overrides: {
        wrapStore: (store) => withMethods(store, { lease: async () => [], claimPolls: async () => [] }),
      },
    });
  });
  afterAll(async () => {
    await proxy.become('on');
    await Promise.all([whole.stop(), cutOff.stop()]);
    await proxy.stop();
    await database.drop();
  });

  test('those who follow there stay, and are told what happened meanwhile', async () => {
    const { id } = await submit(whole.url);
    const closes: unknown[] = [];
    const socket = openSocket(cutOff.url, { on: { closed: (event) => void closes.push(event) } });
    const all = run(socket, JOBS_UPDATED);
    const seen: string[] = [];
    const allSeen = (async () => {
      for await (const { data, errors } of { [Symbol.asyncIterator]: () => all }) {
        expect(errors).toBeUndefined();
        seen.push(`${data?.jobsUpdated.id} ${data?.jobsUpdated.status}`);
      }
    })();
    const one = run<Followed, { id: string }>(socket, FOLLOW, { id });
    await one.next();
    // The first event shows that the subscription to all jobs is active.
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    await proxy.become('away');
    await expect.poll(async () => (await lookUp(whole.url, id)).status).toBe('COMPLETED');
    // The message has arrived, but the job could not be read.
    await expect.poll(async () => (await fetch(`${cutOff.url}/readyz`)).status).toBe(503);
    await proxy.become('on');
    let last: unknown;
    for await (const event of { [Symbol.asyncIterator]: () => one }) last = event;
    expect(last).toMatchObject({ data: { jobUpdated: { id, status: 'COMPLETED' } } });
    await expect.poll(() => seen).toContain(`${id} COMPLETED`);
    expect(closes).toEqual([]);
    await socket.dispose();
    await allSeen.catch(() => {});
  });
});

/** Makes reads of the database fail. */
class Busy {
  readonly methods = new Set<keyof JobStore>();
  /** The jobs that could not be read. */
  readonly unread: string[] = [];

  over(store: JobStore): JobStore {
    const fails = (name: keyof JobStore): Promise<never> | null => {
      if (!this.methods.has(name)) return null;
      return Promise.reject(Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' }));
    };
    return withMethods(store, {
      get: (id) => {
        if (this.methods.has('get')) this.unread.push(id);
        return fails('get') ?? store.get(id);
      },
      histories: (ids) => fails('histories') ?? store.histories(ids),
      queuePositions: (ids) => fails('queuePositions') ?? store.queuePositions(ids),
    });
  }
}

describe('while some of the database cannot be read', () => {
  const busy = new Busy();
  const gate = { create: new Gate(), holds: false };
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway({
      env: { AKOOL_MAX_CONCURRENCY: '1' },
      sandbox: { queueMs: 300, processMs: 300 },
      overrides: {
        wrapStore: (store) =>
          withMethods(busy.over(store), {
            create: async (job, limit) => {
              const created = await store.create(job, limit);
              if (gate.holds) await gate.create.pass();
              return created;
            },
          }),
      },
    });
  });
  afterEach(() => {
    busy.methods.clear();
    busy.unread.length = 0;
  });
  afterAll(() => gateway.stop());

  test('a subscription whose event cannot be filled is closed with 1013, and the client sees the end', async () => {
    await submit(gateway.url);
    const { id } = await submit(gateway.url);
    const closes: number[] = [];
    const socket = openSocket(gateway.url, {
      retryAttempts: 10,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
      on: { closed: (event) => void closes.push((event as { code: number }).code) },
    });
    const events = run(socket, JOB_UPDATED, { id });
    await events.next();
    busy.methods.add('histories');
    await expect.poll(() => closes).toContain(1013);
    busy.methods.clear();
    const seen = [];
    for await (const { data, errors } of { [Symbol.asyncIterator]: () => events }) {
      expect(errors).toBeUndefined();
      seen.push(data?.jobUpdated.status);
    }
    expect(seen.at(-1)).toBe('COMPLETED');
    await socket.dispose();
  });

  test('an event stream whose event cannot be filled ends without having completed', async () => {
    const { id } = await submit(gateway.url);
    busy.methods.add('histories');
    const response = await fetch(`${gateway.url}/graphql/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({
        query: 'subscription ($id: ID!) { jobUpdated(id: $id) { status history { version } } }',
        variables: { id },
      }),
    });
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).not.toContain('errors');
    expect(text).not.toContain('event: complete');
  });

  test('a socket that is to come again first brings the answers of its mutations', async () => {
    const { socket, say, next, closed } = await bareSocket(gateway.url);
    say({ type: 'connection_init' });
    await next('connection_ack');
    gate.holds = true;
    say({
      id: 'mutation',
      type: 'subscribe',
      payload: {
        query: 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }',
        variables: { input: oneFace() },
      },
    });
    await gate.create.arrived();
    busy.methods.add('get');
    say({ id: 'follow', type: 'subscribe', payload: { query: FOLLOW, variables: { id: 'x' } } });
    await expect.poll(() => busy.unread).toContain('x');
    // This response arrives after everything sent before has been read.
    const allIsRead = () => fetch(`${gateway.url}/healthz`);
    await allIsRead();
    // The socket will be closed, so new operations are left for the next one.
    say({ id: 'late', type: 'subscribe', payload: { query: '{ __typename }' } });
    await allIsRead();
    expect(socket.readyState).toBe(socket.OPEN);
    gate.create.open();
    gate.holds = false;
    expect(await next('next')).toMatchObject({ id: 'mutation', payload: { data: expect.anything() } });
    expect(await next('complete')).toMatchObject({ id: 'mutation' });
    expect(await closed).toMatchObject({ code: 1013 });
  });

  describe('once a job is stored nothing in the answer hides it', () => {
    const FIELDS = 'job { id status queuePosition history { version status source } }';
    const PRO = `mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { ${FIELDS} } }`;
    const PLUS = `mutation ($input: SubmitFaceSwapPlusInput!) { submitFaceSwapPlus(input: $input) { ${FIELDS} } }`;
    const plusInput = {
      sourceUrl: 'https://example.com/a.jpg',
      targetUrl: 'https://example.com/b.jpg',
      singleFaceMode: true,
    };
    const born = [{ version: 1, status: 'WAITING', source: 'CLIENT' }];

    test.each([
      ['submitFaceSwap', PRO, oneFace()],
      ['submitFaceSwapPlus', PLUS, plusInput],
    ])('%s', async (field, query, input) => {
      // Waits behind another job, which does not end, so that it has a position.
      const callbacks = gateway.sandbox.hold('webhook');
      await submit(gateway.url);
      busy.methods.add('histories').add('queuePositions').add('get');
      const { status, body } = await ask<Record<string, { job: { id: string } }>, object>(
        gateway.url,
        query,
        {
          input,
        },
      );
      busy.methods.clear();
      expect(status).toBe(200);
      const job = body.data?.[field]?.job;
      expect(job).toMatchObject({ status: 'WAITING', queuePosition: null, history: born });
      expect(body.errors).toEqual([
        expect.objectContaining({
          path: [field, 'job', 'queuePosition'],
          extensions: { code: 'STORE_UNAVAILABLE', retryAfterSeconds: 2, jobId: job?.id },
        }),
      ]);
      expect(await lookUp(gateway.url, job?.id ?? '')).toMatchObject({ id: job?.id });
      callbacks.release();
    });

    test('cancelJob', async () => {
      const callbacks = gateway.sandbox.hold('webhook');
      await submit(gateway.url);
      const { id } = await submit(gateway.url);
      busy.methods.add('histories');
      const { body } = await ask(
        gateway.url,
        `mutation { cancelJob(id: "${id}") { status history { version } } }`,
      );
      expect(body).toEqual({ data: { cancelJob: { status: 'CANCELED', history: [{ version: 1 }] } } });
      callbacks.release();
    });

    test('by what fails beside it: the errors name the job', async () => {
      const query = `mutation ($input: SubmitFaceSwapInput!) {
        first: submitFaceSwap(input: $input) { job { id } }
        second: cancelJob(id: "unknown") { id }
      }`;
      const { status, body } = await ask(gateway.url, query, { input: oneFace() });
      expect([status, body.data]).toEqual([200, null]);
      const [error] = body.errors ?? [];
      expect(error).toMatchObject({ path: ['second'], extensions: { code: 'NOT_FOUND' } });
      const [id = ''] = error?.extensions?.jobIds ?? [];
      expect(await lookUp(gateway.url, id)).toMatchObject({ id });
    });

    test('but a query of the same fields is refused', async () => {
      const { id } = await submit(gateway.url);
      busy.methods.add('histories');
      const { status, body } = await ask(gateway.url, `{ job(id: "${id}") { history { version } } }`);
      expect([status, body.data]).toEqual([503, undefined]);
    });
  });
});
