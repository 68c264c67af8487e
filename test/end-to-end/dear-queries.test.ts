/** Expensive queries run in turns: those of one tenant do not delay other tenants, over any protocol. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oneFace, upTo } from '../support/caller.js';
import { type BareSocket, bareSocketOf, DOORS, knock } from '../support/doors.js';
import { Gate, until } from '../support/gate.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { SUBMIT, textOf } from '../support/operations.js';

/** Per tenant. */
const AT_ONCE = 2;
/** For a single tenant. */
const IN_LINE = 500;
/** Per socket. */
const OPERATIONS = 100;

/** Two pages of 100 jobs with their pictures, even if there are no jobs. */
const DEAR = `{ ${['a', 'b']
  .map(
    (name) => `${name}: jobs(first: 100) { edges { node { ... on FaceSwapJob { sourceImage { path } } } } }`,
  )
  .join(' ')} }`;
const CHEAP = '{ jobs { edges { node { id } } } }';
let gateway: TestGateway;
/** The tenants whose job lists were read, in order. */
let read: string[];
/** The jobs whose requests were read. */
let requested: string[];
/** Blocks acme's lists. */
let gate: Gate;
const sockets: BareSocket[] = [];

beforeEach(async () => {
  read = [];
  requested = [];
  gate = new Gate();
  gateway = await startGateway({
    env: {
      AUTH_API_KEYS: 'acme:acme-key,globex:globex-key',
      KEEP_RESULTS: 'false',
      DISPATCH: 'paused',
      MAX_SOCKET_OPERATIONS: String(OPERATIONS),
    },
    overrides: {
      wrapStore: (store) =>
        withMethods(store, {
          list: async (tenant, filter, page) => {
            read.push(tenant);
            if (tenant === 'acme') await gate.pass();
            return store.list(tenant, filter, page);
          },
          keptRequest: () => null,
          requests: (ids) => {
            requested.push(...ids);
            return store.requests(ids);
          },
        }),
    },
  });
});
afterEach(async () => {
  gate.open();
  for (const { socket } of sockets.splice(0)) socket.terminate();
  await gateway.stop();
});

async function socketOf(key: string): Promise<BareSocket> {
  const bare = await bareSocketOf(gateway.url, key);
  sockets.push(bare);
  return bare;
}

/** Resolves when the request is sent; does not read the response. */
async function post(path: string, accept: string): Promise<Socket> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  const body = JSON.stringify({ query: DEAR });
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: x',
    `accept: ${accept}`,
    'authorization: Bearer acme-key',
    'content-type: application/json',
    `content-length: ${body.length}`,
  ];
  await new Promise<void>((resolve) => socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, () => resolve()));
  return socket;
}

/** Resolves when everything sent before has been processed. */
async function taken(bare: BareSocket): Promise<void> {
  bare.say({ id: 'last', type: 'subscribe', payload: { query: '{ __typename }' } });
  await bare.next('complete');
}

/** A socket of acme with the maximum number of running queries. */
async function busySocket(): Promise<BareSocket> {
  const bare = await socketOf('acme-key');
  for (const n of upTo(AT_ONCE)) bare.say({ id: `busy${n}`, type: 'subscribe', payload: { query: DEAR } });
  await until(() => read.length === 2 * AT_ONCE);
  return bare;
}

describe('Dear queries', () => {
  it.each(DOORS)("of a tenant wait for each other, and nobody else's for them, by %s", async (door) => {
    const theirs = Promise.all(upTo(6).map(() => knock(door, gateway.url, { query: DEAR }, 'acme-key')));
    await until(() => read.length >= 2 * AT_ONCE);
    // Cheap ones are not delayed.
    const cheap = knock(door, gateway.url, { query: CHEAP }, 'acme-key');
    await until(() => read.length >= 2 * AT_ONCE + 1);
    const other = await knock(door, gateway.url, { query: DEAR }, 'globex-key');
    expect(other.errors).toEqual([]);
    expect(read).toEqual([...Array(2 * AT_ONCE + 1).fill('acme'), 'globex', 'globex']);
    gate.open();
    for (const { errors } of [...(await theirs), await cheap]) expect(errors).toEqual([]);
    expect(read.length).toBe(2 * 6 + 1 + 2);
  });

  it('are also those for which much is read, and wait in the middle', async () => {
    gate.open();
    const image = { path: `https://example.com/${'x'.repeat(4000)}.png`, opts: '1,1:2,2:3,3:4,4' };
    const images = Array(50).fill(image);
    const variables = { input: { ...oneFace(), sourceImage: images, targetImage: images } };
    const ids: string[] = [];
    for (const _ of upTo(8)) {
      const { data } = await knock('http', gateway.url, { query: textOf(SUBMIT), variables }, 'acme-key');
      ids.push((data as { submitFaceSwap: { job: { id: string } } }).submitFaceSwap.job.id);
    }
    gate = new Gate();
    read = [];
    requested = [];
    await busySocket();
    const names = ids.map((id, i) => `a${i}: job(id: "${id}") { ... on FaceSwapJob { modelName } }`);
    const modest = knock('http', gateway.url, { query: `{ ${names.join(' ')} }` }, 'acme-key');
    await until(() => requested.length > 0);
    await knock('http', gateway.url, { query: CHEAP }, 'globex-key');
    expect(requested.length).toBeLessThan(8);
    gate.open();
    expect((await modest).errors).toEqual([]);
  });

  it.each(DOORS)('that wait are so many and no more, by %s', async (door) => {
    await busySocket();
    for (let left = IN_LINE; left > 0; left -= OPERATIONS) {
      const bare = await socketOf('acme-key');
      for (const n of upTo(OPERATIONS)) bare.say({ id: `${n}`, type: 'subscribe', payload: { query: DEAR } });
      // One too many: all others have been accepted.
      bare.say({ id: 'last', type: 'subscribe', payload: { query: DEAR } });
      await bare.next('error');
    }
    const refused = await knock(door, gateway.url, { query: DEAR }, 'acme-key');
    expect(refused.errors).toEqual([
      {
        message: 'Too many of your queries are waiting; try again later.',
        extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 },
      },
    ]);
    if (door !== 'socket') expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect((await knock(door, gateway.url, { query: DEAR }, 'globex-key')).errors).toEqual([]);
    expect(read).toEqual([...Array(2 * AT_ONCE).fill('acme'), 'globex', 'globex']);
  });

  it.each([
    ['/graphql', 'application/json'],
    ['/graphql/stream', 'text/event-stream'],
  ])('that run are counted until they have run, though their caller has left %s', async (path, accept) => {
    const left = await Promise.all(upTo(AT_ONCE).map(() => post(path, accept)));
    await until(() => read.length === 2 * AT_ONCE);
    for (const socket of left) socket.destroy();
    const waiting = knock('http', gateway.url, { query: DEAR }, 'acme-key');
    // The other tenant's queries start after the waiting one had its chance, long after the sockets closed.
    for (const _ of upTo(3)) await knock('http', gateway.url, { query: DEAR }, 'globex-key');
    expect(read.filter((tenant) => tenant === 'acme')).toHaveLength(2 * AT_ONCE);
    gate.open();
    expect((await waiting).errors).toEqual([]);
  });

  it('lose their place when their caller leaves', async () => {
    await busySocket();
    const posted = await Promise.all(
      [
        ['/graphql', 'application/json'],
        ['/graphql/stream', 'text/event-stream'],
      ].map(([path = '', accept = '']) => post(path, accept)),
    );
    const [closed, completed] = [await socketOf('acme-key'), await socketOf('acme-key')];
    for (const bare of [closed, completed]) {
      bare.say({ id: '1', type: 'subscribe', payload: { query: DEAR } });
      await taken(bare);
    }
    for (const socket of posted) socket.destroy();
    closed.socket.close();
    await closed.closed;
    completed.say({ id: '1', type: 'complete' });
    await taken(completed);
    // A new connection is answered after the closed ones have been noticed.
    await knock('http', gateway.url, { query: '{ __typename }' }, null);
    const after = knock('http', gateway.url, { query: DEAR }, 'acme-key');
    gate.open();
    expect((await after).errors).toEqual([]);
    expect(read).toEqual(Array(2 * AT_ONCE + 2).fill('acme'));
  });

  it('that wait end with the server', async () => {
    const busy = await busySocket();
    busy.say({ id: '1', type: 'subscribe', payload: { query: DEAR } });
    await taken(busy);
    const stopped = gateway.stop();
    expect(await busy.closed).toEqual({ code: 1001, reason: 'Going away' });
    gate.open();
    await stopped;
    expect(read).toEqual(Array(2 * AT_ONCE).fill('acme'));
  });
});
