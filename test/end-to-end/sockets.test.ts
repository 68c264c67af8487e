/** Open connections: who may have one, for how long, how much it may hold, and how it ends. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient as createStreamClient } from 'graphql-sse';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createInProcessJobBus } from '../../src/services/bus/in-process-job-bus.js';
import type { JobBus } from '../../src/services/jobs/job-bus.js';
import type { JobStore } from '../../src/services/jobs/job-store.js';
import { lookUp, openSocket, submit, upTo } from '../support/caller.js';
import { type BareSocket, bareSocket, DOORS, type Door, knock } from '../support/doors.js';
import { Gate, until } from '../support/gate.js';
import { recordedLog, startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { JOB_UPDATED, type SeenJob, textOf } from '../support/operations.js';

const KEY = 'acme-key-which-is-right';
const JWT_SECRET = 'a shared secret that is long enough, and then some';
const WITH_KEYS = {
  AUTH_API_KEYS: `acme:${KEY}`,
  AUTH_JWT_SECRET: JWT_SECRET,
  AUTH_JWT_CLOCK_TOLERANCE_S: '0',
  KEEP_RESULTS: 'false',
};

let gateway: TestGateway;
let bus: JobBus;

afterEach(async () => {
  await gateway.stop();
});

/** Jobs make no progress unless a test advances them. */
async function start(env: Record<string, string> = WITH_KEYS, part: Partial<JobBus> = {}): Promise<void> {
  bus = createInProcessJobBus();
  gateway = await startGateway({
    env,
    sandbox: { queueMs: 3_600_000, processMs: 3_600_000 },
    overrides: { bus: withMethods(bus, part) },
  });
}

function jwt(exp: number): Promise<string> {
  return new SignJWT({ tenant: 'acme' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(exp)
    .sign(new TextEncoder().encode(JWT_SECRET));
}

const inSeconds = (seconds: number): number => Math.ceil(Date.now() / 1000 + seconds);

const SUBMIT_TEXT =
  'mutation { submitFaceSwap(input: { sourceImage: [{ path: "https://example.com/a.jpg" }], targetImage: [{ path: "https://example.com/b.jpg" }] }) { job { id providerId } } }';

async function submitted(bearer = KEY): Promise<{ id: string; providerId: string }> {
  const { data } = await knock('http', gateway.url, { query: SUBMIT_TEXT }, bearer);
  return (data as { submitFaceSwap: { job: { id: string; providerId: string } } }).submitFaceSwap.job;
}

async function connected(bearer: string | null = KEY): Promise<BareSocket> {
  const bare = await bareSocket(gateway.url);
  bare.say({ type: 'connection_init', ...(bearer && { payload: { authorization: `Bearer ${bearer}` } }) });
  return bare;
}

async function acknowledged(bearer?: string): Promise<BareSocket> {
  const bare = await connected(bearer);
  await bare.next('connection_ack');
  return bare;
}

/** Whether another socket is accepted. */
const hasRoom = (): Promise<boolean> =>
  bareSocket(gateway.url).then(
    ({ socket }) => {
      socket.terminate();
      return true;
    },
    () => false,
  );

const subscribe = (id: string, query: string) => ({ id, type: 'subscribe', payload: { query } });

describe('A socket', () => {
  it('is closed with 4401 without credentials and with wrong ones, and with 4403 with expired ones', async () => {
    await start();
    const cases: [string | null, number][] = [
      [null, 4401],
      ['acme-key-which-is-wrong', 4401],
      [await jwt(inSeconds(-60)), 4403],
    ];
    for (const [bearer, code] of cases) {
      const bare = await connected(bearer);
      expect(await bare.closed).toMatchObject({ code });
      expect(bare.messages).toEqual([]);
    }
  });

  it('is closed with 4401, 4429, 4409, 4400, 4406 for what graphql-ws does not allow', async () => {
    await start();
    const before = await bareSocket(gateway.url);
    before.say(subscribe('1', '{ __typename }'));
    expect((await before.closed).code).toBe(4401);

    const twice = await acknowledged();
    twice.say({ type: 'connection_init' });
    expect((await twice.closed).code).toBe(4429);

    const { id } = await submitted();
    const same = await acknowledged();
    same.say(subscribe('1', `subscription { jobUpdated(id: "${id}") { id } }`));
    await same.next('next');
    same.say(subscribe('1', '{ __typename }'));
    expect((await same.closed).code).toBe(4409);

    const longId = 'é'.repeat(120);
    const long = await acknowledged();
    long.say(subscribe(longId, `subscription { jobUpdated(id: "${id}") { id } }`));
    await long.next('next');
    long.say(subscribe(longId, '{ __typename }'));
    expect(await long.closed).toMatchObject({
      code: 4409,
      reason: expect.stringMatching(/^Subscriber for é+…$/),
    });

    for (const bad of [
      '{',
      '[]',
      '{"type":"next","id":"1","payload":{}}',
      '{"type":"no such"}',
      'null',
      '',
    ]) {
      const bare = await acknowledged();
      bare.say(bad);
      expect(await bare.closed).toEqual({ code: 4400, reason: 'Invalid message received' });
    }
    expect(await (await bareSocket(gateway.url, null)).closed).toEqual({
      code: 4406,
      reason: expect.stringContaining('graphql-transport-ws'),
    });
  });

  it('of the older protocol is told which one to use', async () => {
    await start();
    const old = await bareSocket(gateway.url, 'graphql-ws');
    expect(await old.closed).toEqual({
      code: 4406,
      reason: expect.stringContaining('graphql-transport-ws'),
    });
  });

  it.each<[string, object]>([
    ['authorization', { authorization: `Bearer ${KEY}` }],
    ['Authorization', { Authorization: `Bearer ${KEY}` }],
    ['headers.Authorization', { headers: { Authorization: `Bearer ${KEY}` } }],
    ['headers.authorization', { headers: { authorization: `Bearer ${KEY}` } }],
    ['AUTHORIZATION', { AUTHORIZATION: `Bearer ${KEY}` }],
    [
      'headers.Authorization, beside an empty one',
      { authorization: '', headers: { Authorization: `Bearer ${KEY}` } },
    ],
    ['authToken', { authToken: KEY }],
    ['authToken with its scheme', { authToken: `Bearer ${KEY}` }],
  ])('takes credentials in connectionParams as %s', async (_where, payload) => {
    await start();
    const bare = await bareSocket(gateway.url);
    bare.say({ type: 'connection_init', payload });
    await bare.next('connection_ack');
    bare.socket.terminate();
  });

  it('takes credentials in the header of the handshake, unless the message has others', async () => {
    await start();
    const opened = (payload?: object, origin?: string) => {
      const headers = { authorization: `Bearer ${KEY}`, ...(origin !== undefined && { origin }) };
      const url = `${gateway.url.replace(/^http/, 'ws')}/graphql`;
      const socket = new WebSocket(url, 'graphql-transport-ws', { headers });
      socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload })));
      return new Promise<string>((resolve) => {
        socket.once('message', (data) => resolve(String(data)));
        socket.once('close', (code) => resolve(String(code)));
      }).finally(() => socket.terminate());
    };
    expect(await opened()).toContain('connection_ack');
    expect(await opened({ authorization: 'Bearer wrong' })).toBe('4401');
    expect(await opened(undefined, 'https://app.example.com')).toBe('4401');
  });

  it('without credentials, or with a key alone, is told what is expected where', async () => {
    await start();
    for (const payload of [undefined, { authorization: KEY }]) {
      const bare = await bareSocket(gateway.url);
      bare.say({ type: 'connection_init', payload });
      expect(await bare.closed).toMatchObject({
        code: 4401,
        reason: expect.stringContaining('connectionParams: {"authorization": "Bearer'),
      });
    }
  });

  it('is closed with 1009 by a message that is too long', async () => {
    await start();
    const bare = await acknowledged();
    bare.say(subscribe('1', `{ __typename } #${'x'.repeat(1024 * 1024)}`));
    expect((await bare.closed).code).toBe(1009);
  });

  it('answers pings, and does not repeat what they hold', async () => {
    await start();
    const bare = await acknowledged();
    bare.say({ type: 'ping', payload: { echo: 'x'.repeat(1000) } });
    expect(await bare.next('pong')).toEqual({ type: 'pong' });
    bare.socket.close();
  });

  it('is refused with 503 when there are too many, and may come when another has left', async () => {
    await start({ ...WITH_KEYS, MAX_SOCKETS: '2' });
    const [first] = [await acknowledged(), await acknowledged()];
    await expect(bareSocket(gateway.url)).rejects.toThrow('503');
    first?.socket.close();
    await first?.closed;
    await until(hasRoom);
  });

  it('has at most so many operations under way, whatever ids they have', async () => {
    await start({ ...WITH_KEYS, MAX_SOCKET_OPERATIONS: '3' });
    const { id } = await submitted();
    const bare = await acknowledged();
    const follow = `subscription { jobUpdated(id: "${id}") { id } }`;
    for (const name of ['1', '2', '3']) {
      bare.say(subscribe(name, follow));
      await bare.next('next');
    }
    bare.say(subscribe('4', follow));
    expect(await bare.next('error')).toMatchObject({
      id: '4',
      payload: [
        {
          message: 'At most 3 operations at once on one socket.',
          extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 },
        },
      ],
    });
    bare.say({ id: '1', type: 'complete' });
    bare.say(subscribe('5', follow));
    await bare.next('next');
    bare.socket.close();
  });

  it('that gives ids back at once gets no further with it', async () => {
    await start({ ...WITH_KEYS, MAX_SOCKET_OPERATIONS: '1' });
    // The accepted mutation keeps running until this is released.
    const held = gateway.sandbox.hold('accepted');
    const bare = await acknowledged();
    const image = '[{ path: "https://example.com/a.jpg" }]';
    const mutation = `mutation { submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} }) { job { id } } }`;
    for (let i = 0; i < 20; i += 1) {
      bare.say(subscribe(String(i), mutation));
      bare.say({ id: String(i), type: 'complete' });
    }
    bare.say(subscribe('last', '{ __typename }'));
    await bare.next('error');
    held.release();
    const { data } = await knock('http', gateway.url, { query: '{ jobs { edges { node { id } } } }' }, KEY);
    expect((data as { jobs: { edges: unknown[] } }).jobs.edges.length).toBe(1);
    bare.socket.close();
  });

  it('is closed with 1001 when the gateway stops, and leaves no listener', async () => {
    await start();
    const { id } = await submitted();
    const bare = await acknowledged();
    bare.say(subscribe('1', `subscription { jobUpdated(id: "${id}") { id } }`));
    await bare.next('next');
    expect(bus.followedJobs()).toEqual([id]);
    await gateway.stop();
    expect((await bare.closed).code).toBe(1001);
    expect(bus.followedJobs()).toEqual([]);
  });
});

describe('A submit that is under way when the gateway stops', () => {
  /** The job is stored only once the gate opens. Resolves when the stop has ended the other connection. */
  async function stopping(
    openOther: () => Promise<{ readonly ended: Promise<unknown> }>,
    send: () => void,
  ): Promise<Gate> {
    const gate = new Gate();
    const wrapStore = (store: JobStore): JobStore =>
      withMethods(store, {
        create: async (...args) => {
          await gate.pass();
          return store.create(...args);
        },
      });
    bus = createInProcessJobBus();
    gateway = await startGateway({ env: WITH_KEYS, overrides: { bus, wrapStore } });
    const { ended } = await openOther();
    send();
    await gate.arrived();
    void gateway.stop();
    await ended;
    return gate;
  }

  it('is answered before its socket is closed, for its client would send it again', async () => {
    let bare: BareSocket | undefined;
    const gate = await stopping(
      async () => {
        bare = await acknowledged();
        return { ended: (await acknowledged()).closed };
      },
      () => bare?.say(subscribe('1', SUBMIT_TEXT)),
    );
    // An operation sent now would be lost.
    bare?.say(subscribe('2', SUBMIT_TEXT));
    const heard = new Promise((resolve) => bare?.socket.once('pong', resolve));
    bare?.socket.ping();
    await heard;
    gate.open();
    expect(await bare?.next('next')).toMatchObject({
      payload: { data: { submitFaceSwap: { job: { id: expect.any(String) } } } },
    });
    expect((await bare?.closed)?.code).toBe(1001);
    expect(bare?.messages.filter(({ id }) => id === '2')).toEqual([]);
  });

  it('is answered on its event stream, for its client would send it again', async () => {
    const headers = {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
    };
    const ask = async (query: string): Promise<string> => {
      const body = JSON.stringify({ query });
      return (await fetch(`${gateway.url}/graphql/stream`, { method: 'POST', headers, body })).text();
    };
    let answer: Promise<string> | undefined;
    const gate = await stopping(
      async () => {
        const ended = ask('subscription { jobsUpdated { id } }');
        await until(() => bus.followedTenants().length > 0);
        return { ended };
      },
      () => {
        answer = ask(SUBMIT_TEXT);
      },
    );
    gate.open();
    expect(await answer).toMatch(/"submitFaceSwap":\{"job":\{"id":"[\w-]+"/);
  });
});

describe('Credentials that run out', () => {
  it('serve by HTTP, socket and stream until the tolerance of clocks is over too', async () => {
    await start({ ...WITH_KEYS, AUTH_JWT_CLOCK_TOLERANCE_S: '3600' });
    const token = await jwt(inSeconds(-600));
    const { id } = await submitted(token);
    const bare = await acknowledged(token);
    bare.say(subscribe('1', `subscription { jobUpdated(id: "${id}") { id } }`));
    expect(await bare.next('next')).toMatchObject({ payload: { data: { jobUpdated: { id } } } });
    bare.socket.terminate();
    const streamed = await stream({ query: `{ job(id: "${id}") { id } }` }, token);
    expect([streamed.status, await streamed.text()]).toEqual([200, expect.stringContaining(id)]);
  });

  it('take their socket with them with 4403; a normal client comes back with fresh ones and misses nothing', async () => {
    await start();
    const { id, providerId } = await submitted();
    const exp = inSeconds(3);
    const tokens = [await jwt(exp), await jwt(inSeconds(60))];
    const closes: { code: number; at: number }[] = [];
    const client = openSocket(gateway.url, {
      connectionParams: async () => ({ authorization: `Bearer ${tokens.shift()}` }),
      retryAttempts: 3,
      // The job makes progress while the client is disconnected.
      retryWait: async () => {
        gateway.sandbox.advance(providerId);
        await until(async () => {
          const reply = await knock('http', gateway.url, { query: `{ job(id: "${id}") { status } }` }, KEY);
          return reply.text.includes('PROCESSING');
        });
      },
      on: { closed: (event) => closes.push({ code: (event as { code: number }).code, at: Date.now() }) },
    });
    const variables: { id: string; afterVersion?: number } = { id };
    const seen: SeenJob[] = [];
    for await (const { data } of client.iterate<{ jobUpdated: SeenJob }>({
      query: textOf(JOB_UPDATED),
      variables,
    })) {
      if (!data) continue;
      seen.push(data.jobUpdated);
      variables.afterVersion = data.jobUpdated.version;
      if (data.jobUpdated.status === 'PROCESSING') gateway.sandbox.finish(providerId);
    }
    await client.dispose();
    expect(closes[0]?.code).toBe(4403);
    expect((closes[0]?.at ?? 0) - exp * 1000).toBeGreaterThanOrEqual(0);
    expect((closes[0]?.at ?? 0) - exp * 1000).toBeLessThan(10_000);
    expect(seen.at(-1)?.status).toBe('COMPLETED');
    const versions = seen.map(({ version }) => version);
    expect(versions).toEqual(upTo(seen.at(-1)?.version ?? 0, versions[0]));
  });

  it('are good for nothing on a socket whose client does not hear that it is closed', async () => {
    await start();
    const exp = inSeconds(3);
    const bare = await acknowledged(await jwt(exp));
    bare.socket.pause();
    await sleep(exp * 1000 + 100 - Date.now());
    const image = '[{ path: "https://example.com/a.jpg" }]';
    bare.say(
      subscribe(
        '1',
        `mutation { submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} }) { job { id } } }`,
      ),
    );
    bare.socket.resume();
    expect((await bare.closed).code).toBe(4403);
    // Jobs are stored and sent in order of arrival: one from that socket would come before this one.
    const { id } = await submitted();
    const { data } = await knock('http', gateway.url, { query: '{ jobs { edges { node { id } } } }' }, KEY);
    expect(data).toEqual({ jobs: { edges: [{ node: { id } }] } });
    expect(gateway.sandbox.bills).toHaveLength(1);
  });

  it('end their event stream too', async () => {
    await start();
    const { id } = await submitted();
    const exp = inSeconds(1);
    const response = await stream(
      { query: `subscription { jobUpdated(id: "${id}") { id } }` },
      await jwt(exp),
    );
    expect(await response.text()).not.toContain('event: complete');
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
    expect(bus.followedJobs()).toEqual([]);
  });
});

/** The second one answers with events if they are what the client likes best. */
const PATHS = ['/graphql/stream', '/graphql'] as const;

function stream(
  body: unknown,
  bearer: string | null = KEY,
  init: RequestInit = {},
  path: string = PATHS[0],
): Promise<Response> {
  return fetch(gateway.url + path, {
    method: 'POST',
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      ...(bearer && { authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify(body),
    ...init,
  });
}

describe('An event stream', () => {
  it.each(PATHS)('follows a job to its end at %s, with the client of graphql-sse', async (path) => {
    await start();
    const { id, providerId } = await submitted();
    const client = createStreamClient({
      url: gateway.url + path,
      singleConnection: false,
      retryAttempts: 0,
      headers: { authorization: `Bearer ${KEY}` },
    });
    const seen: string[] = [];
    const query = `subscription { jobUpdated(id: "${id}") { status version } }`;
    for await (const { data } of client.iterate<{ jobUpdated: { status: string } }>({ query })) {
      const status = data?.jobUpdated.status ?? '';
      seen.push(status);
      if (status === 'QUEUED') gateway.sandbox.advance(providerId);
      if (status === 'PROCESSING') gateway.sandbox.finish(providerId);
    }
    client.dispose();
    expect(seen).toEqual(['QUEUED', 'PROCESSING', 'COMPLETED']);
    expect(bus.followedJobs()).toEqual([]);
  });

  it.each(PATHS)('takes queries by GET of %s, and no mutation', async (path) => {
    await start();
    const get = (query: string) =>
      fetch(`${gateway.url}${path}?${new URLSearchParams({ query })}`, {
        headers: { accept: 'application/json;q=0.5, text/event-stream', authorization: `Bearer ${KEY}` },
      });
    expect(await (await get('{ job(id: "is it ?") { id } }')).text()).toContain(
      'data: {"data":{"job":null}}',
    );
    const refused = await get('mutation { deleteJob(id: "1") }');
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it.each([
    ['text/event-stream', 'text/event-stream'],
    ['text/event-stream, multipart/mixed', 'text/event-stream'],
    ['application/json;q=0.5, text/event-stream', 'text/event-stream'],
    [
      'application/graphql-response+json, application/json, text/event-stream, multipart/mixed',
      'application/graphql-response+json',
    ],
    ['application/json, text/event-stream;q=0.9', 'application/json'],
    ['*/*', 'application/json'],
    ['', 'application/json'],
  ])('is the answer of /graphql if the client likes it best: %j gets %s', async (accept, type) => {
    await start();
    const headers = { accept, 'content-type': 'application/json', authorization: `Bearer ${KEY}` };
    const answer = await stream({ query: '{ __typename }' }, KEY, { headers }, '/graphql');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`]);
    expect(await answer.text()).toContain('{"data":{"__typename":"Query"}}');
  });

  it.each<[string, RequestInit, number]>([
    [
      'does not ask for events',
      {
        headers: {
          accept: 'application/json',
          'content-type': 'application/json',
          authorization: `Bearer ${KEY}`,
        },
      },
      406,
    ],
    ['holds no query', { body: '{}' }, 400],
    ['holds a query that is no text', { body: '{"query":1}' }, 400],
    ['holds variables that are a list', { body: '{"query":"{ __typename }","variables":[]}' }, 400],
    ['is a batch', { body: '[{"query":"{ __typename }"}]' }, 400],
    ['is not JSON', { body: '{' }, 400],
    ['is not valid', { body: '{"query":"{ nothing }"}' }, 400],
    ['is not GraphQL', { body: '{"query":"{"}' }, 400],
    [
      'is sent as a form sends',
      {
        headers: {
          accept: 'text/event-stream',
          'content-type': 'text/plain',
          authorization: `Bearer ${KEY}`,
        },
      },
      415,
    ],
    ['has a method of its own', { method: 'DELETE', body: null, headers: {} }, 405],
    ['is a HEAD', { method: 'HEAD', body: null }, 404],
  ])('that %s is refused in the form of GraphQL', async (_what, init, status) => {
    await start();
    const response = await stream({ query: '{ __typename }' }, KEY, init);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    if (init.method !== 'HEAD')
      expect(await response.json()).toMatchObject({ errors: [{ message: expect.any(String) }] });
  });

  it('is one of so many', async () => {
    await start({ ...WITH_KEYS, MAX_SOCKETS: '1' });
    const { id } = await submitted();
    const query = `subscription { jobUpdated(id: "${id}") { id } }`;
    const leaving = new AbortController();
    await stream({ query }, KEY, { signal: leaving.signal });
    for (const path of PATHS) {
      const refused = await stream({ query }, KEY, {}, path);
      expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
        503,
        '1',
        { errors: [{ extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 } }] },
      ]);
    }
    leaving.abort();
    await until(() => bus.followedJobs().length === 0);
    await until(async () => (await stream({ query: '{ __typename }' })).status === 200);
  });

  it('ends when the gateway stops', async () => {
    await start();
    const { id } = await submitted();
    const response = await stream({ query: `subscription { jobUpdated(id: "${id}") { id } }` });
    const text = response.text();
    await gateway.stop();
    expect(await text).toContain('event: next');
    expect(bus.followedJobs()).toEqual([]);
  });
});

describe.each(DOORS.filter((door) => door !== 'http'))('A follower by %s', (door: Door) => {
  it('who leaves is forgotten', async () => {
    await start();
    const { id } = await submitted();
    for (let i = 0; i < 20; i += 1) {
      await knock(door, gateway.url, { query: `subscription { jobUpdated(id: "${id}") { id } }` }, KEY);
    }
    await expect.poll(() => bus.followedJobs()).toEqual([]);
  });

  it.each([
    ['one job', (id: string) => `subscription { jobUpdated(id: "${id}") { id } }`],
    // There may never be an event.
    ['all jobs', () => 'subscription { jobsUpdated { id } }'],
  ])('who leaves while the following of %s begins is forgotten too', async (_what, queryOf) => {
    const [gate, followed] = [new Gate(), new Gate()];
    followed.open();
    let isHeld = false;
    const held = async (follow: () => ReturnType<JobBus['followJob']>) => {
      if (isHeld) await gate.pass();
      const leave = await follow();
      void followed.pass();
      return leave;
    };
    await start(
      { ...WITH_KEYS, MAX_SOCKETS: '1' },
      {
        followJob: (id, listener) => held(() => bus.followJob(id, listener)),
        followTenant: (tenant, listener) => held(() => bus.followTenant(tenant, listener)),
      },
    );
    const { id } = await submitted();
    isHeld = true;
    const query = queryOf(id);
    if (door === 'socket') {
      const bare = await acknowledged();
      bare.say(subscribe('1', query));
      await gate.arrived();
      bare.socket.terminate();
      await bare.closed;
    } else {
      const leaving = new AbortController();
      const answer = stream({ query }, KEY, { signal: leaving.signal });
      await gate.arrived();
      leaving.abort();
      await expect(answer).rejects.toThrow('abort');
    }
    // The server has noticed once it accepts another one.
    await until(async () =>
      door === 'socket' ? hasRoom() : (await stream({ query: '{ __typename }' })).status === 200,
    );
    gate.open();
    await followed.arrived();
    await expect.poll(() => [...bus.followedJobs(), ...bus.followedTenants()]).toEqual([]);
  });
});

describe('An open gateway', () => {
  /** `fetch` does not allow setting the host header. */
  async function getAs(url: string, host: string): Promise<IncomingMessage> {
    const [response] = (await once(get(url, { headers: { host } }), 'response')) as [IncomingMessage];
    return response.resume();
  }

  /** Whether a socket opens with these headers. */
  function opens(headers: Record<string, string>): Promise<boolean> {
    const socket = new WebSocket(`${gateway.url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
      headers,
    });
    return new Promise((resolve) => {
      socket.once('open', () => resolve(true));
      socket.once('error', () => resolve(false));
    }).finally(() => socket.terminate()) as Promise<boolean>;
  }

  it('on loopback opens no socket to pages of other sites, nor to sites that give themselves its address', async () => {
    await start({ CORS_ORIGINS: 'https://app.example.com', PUBLIC_URL: 'https://tunnel.example.net/swap' });
    const port = new URL(gateway.url).port;
    for (const headers of [
      {},
      { origin: 'http://localhost:5173' },
      { origin: 'https://127.0.0.1:8443' },
      { origin: 'http://[::1]' },
      { origin: 'http://shop.localhost:3000' },
      { origin: gateway.url },
      { origin: 'https://app.example.com' },
      { host: `localhost:${port}` },
      { host: `[::1]:${port}` },
      { 'x-forwarded-for': '127.0.0.1' },
      { 'x-forwarded-for': '::1, ::ffff:127.0.0.1' },
      { forwarded: 'for="[::1]:4711";proto=http' },
    ]) {
      expect([headers, await opens(headers)]).toEqual([headers, true]);
    }
    for (const headers of [
      { origin: 'https://evil.example.com' },
      { origin: 'https://app.example.com.evil.com' },
      { origin: 'http://6.6.6.6' },
      { origin: 'null' },
      { host: `evil.example.com:${port}`, origin: `http://evil.example.com:${port}` },
      { host: 'localhost.evil.com' },
      { host: '127.0.0.1.evil.com' },
      { host: 'tunnel.example.net', origin: 'https://tunnel.example.net' },
      { host: 'tunnel.example.net' },
      { 'x-forwarded-for': '203.0.113.7' },
      { 'x-forwarded-for': '127.0.0.1, 203.0.113.7:443' },
      { 'x-forwarded-for': '2001:db8::7' },
      { forwarded: 'for=127.0.0.1, for="[2001:db8::7]:80"' },
      { forwarded: 'for=unknown' },
      { 'x-real-ip': '203.0.113.7' },
    ]) {
      expect([headers, await opens(headers)]).toEqual([headers, false]);
    }
  });

  it('behind a tunnel serves callbacks and media under its public name, and nothing else', async () => {
    const { log, lines } = recordedLog('warn');
    gateway = await startGateway({
      env: { PUBLIC_URL: 'https://tunnel.example.net/swap' },
      overrides: { log },
    });
    const status = async (path: string) =>
      (await getAs(`${gateway.url}${path}`, 'tunnel.example.net')).statusCode;
    for (const path of ['/graphql', '/graphql/stream', '/graphiql', '/metrics'])
      expect(await status(path)).toBe(403);
    expect([await status('/media/none.png'), await status('/webhooks/akool/none')]).toEqual([404, 400]);
    expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 200]);
    expect(lines.filter(({ msg }) => String(msg).startsWith('PUBLIC_URL is set'))).toHaveLength(1);
    expect(lines.filter(({ host }) => host === 'tunnel.example.net')).toHaveLength(4);
  });

  it('that is meant to be open to all is, and one that asks who calls lets pages of all sites ask', async () => {
    const evil = { origin: 'https://evil.example.com', host: 'swap.example.com' };
    await start({ AUTH: 'none' });
    expect(await opens(evil)).toBe(true);
    await gateway.stop();
    await start();
    expect(await opens(evil)).toBe(true);
  });

  it('still takes webhooks and probes under any name', async () => {
    await start({ KEEP_RESULTS: 'false' });
    const { id } = await submit(gateway.url);
    gateway.sandbox.finish((await lookUp(gateway.url, id)).providerId ?? '');
    await expect.poll(async () => (await lookUp(gateway.url, id)).status).toBe('COMPLETED');
    for (const path of ['/healthz', '/readyz']) {
      expect((await getAs(`${gateway.url}${path}`, 'evil.example.com')).statusCode).toBe(200);
    }
  });
});
