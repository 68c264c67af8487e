/** Documents stay in memory while their operations run: no caller can fill the memory with them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.js';
import { upTo } from '../support/caller.js';
import { type BareSocket, bareSocketOf, DOORS, knock } from '../support/doors.js';
import { Gate } from '../support/gate.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';

/** Each document takes 3 MB once it is parsed. */
const COMMENTS = `#${'x'.repeat(48)}\n`.repeat(9900);
const large = (name: string): string => `subscription ${name} { jobsUpdated { id } } ${COMMENTS}`;
const MANY = 16;

let gateway: TestGateway;

/** The store is slow to find a job with this id. */
const SLOW = 'slow';
let gate = new Gate();
/** The store fails to look up a job with this id. */
const UNKNOWN = 'unknown';

beforeAll(async () => {
  gateway = await startGateway({
    env: { AUTH_API_KEYS: 'ann:key-of-ann,bob:key-of-bob', KEEP_RESULTS: 'false' },
    overrides: {
      wrapStore: (store) =>
        withMethods(store, {
          get: async (id) => {
            if (id === SLOW) await gate.pass();
            if (id === UNKNOWN) throw new GatewayError('STORE_UNAVAILABLE', 'Later.');
            return store.get(id);
          },
        }),
    },
  });
});
afterAll(() => gateway.stop());

/** The errors of refused operations; all have been processed once the last query is answered. */
async function follow(bare: BareSocket, queries: readonly string[]): Promise<readonly unknown[]> {
  const subscribe = (id: string, query: string) => bare.say({ id, type: 'subscribe', payload: { query } });
  queries.forEach((query, nth) => {
    subscribe(`s${nth}`, query);
  });
  subscribe('last', '{ __typename }');
  for (;;) if ((await bare.next('complete'))['id'] === 'last') break;
  return bare.messages.filter(({ type }) => type === 'error').map(({ payload }) => payload);
}

it('a caller who follows by many large documents is refused more, until some are left; others are not', async () => {
  const ann = await bareSocketOf(gateway.url, 'key-of-ann');
  const refused = await follow(
    ann,
    upTo(MANY).map((n) => large(`Ann${n}`)),
  );
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(MANY);
  expect(refused[0]).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 } }]);
  // Neither may a stream; and each document is stored once, however many operations use it.
  const more = await knock('stream', gateway.url, { query: large('Ann') }, 'key-of-ann');
  expect([more.status, more.errors[0]?.extensions?.code]).toEqual([429, 'RATE_LIMITED']);
  const same = await bareSocketOf(gateway.url, 'key-of-ann');
  expect(
    await follow(
      same,
      upTo(MANY).map(() => large('Ann1')),
    ),
  ).toEqual([]);
  const bob = await bareSocketOf(gateway.url, 'key-of-bob');
  expect(await follow(bob, [large('Bob')])).toEqual([]);
  for (const { socket, closed } of [ann, same]) {
    socket.close();
    await closed;
  }
  const again = await bareSocketOf(gateway.url, 'key-of-ann');
  expect(await follow(again, [large('Ann7')])).toEqual([]);
  again.socket.close();
  bob.socket.close();
});

it.each(DOORS)(
  'a caller whose large queries by %s all wait is refused more; others are not',
  async (door) => {
    gate = new Gate();
    const ask = (name: string, key: string, id: string) =>
      knock(door, gateway.url, { query: `query ${name} { job(id: "${id}") { id } } ${COMMENTS}` }, key);
    const refusals: unknown[] = [];
    const all = upTo(MANY).map(async (n) => {
      const { errors } = await ask(`Ann${n}`, 'key-of-ann', SLOW);
      if (errors.length > 0) refusals.push(errors);
    });
    // 8 of them fit into 32 MiB.
    await gate.arrived(8);
    await expect.poll(() => refusals.length).toBeGreaterThan(0);
    expect(refusals[0]).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 } }]);
    expect((await ask('Bob', 'key-of-bob', 'any')).errors).toEqual([]);
    gate.open();
    await Promise.all(all);
    expect((await ask('Again', 'key-of-ann', 'any')).errors).toEqual([]);
  },
);

it('a caller whose many small queries all wait is refused more; others are not', async () => {
  gate = new Gate();
  // Each document takes some 50 KB.
  const comments = '#\n'.repeat(200);
  const ask = (name: string, key: string, id: string) =>
    knock('http', gateway.url, { query: `query ${name} { job(id: "${id}") { id } } ${comments}` }, key);
  let answered = 0;
  const answers = upTo(800).map(async (n) => {
    const { errors } = await ask(`Ann${n}`, 'key-of-ann', SLOW);
    answered += 1;
    return errors[0]?.extensions?.code;
  });
  await expect.poll(() => answered).toBeGreaterThan(0);
  expect((await ask('Bob', 'key-of-bob', 'any')).errors).toEqual([]);
  gate.open();
  const codes = await Promise.all(answers);
  expect(new Set(codes)).toEqual(new Set([undefined, 'RATE_LIMITED']));
  expect((await ask('Again', 'key-of-ann', 'any')).errors).toEqual([]);
});

it.each([
  ['query', 'job'],
  ['subscription', 'jobUpdated'],
])('a %s whose socket an outage closes leaves its room to the next', async (kind, field) => {
  for (const n of upTo(MANY)) {
    const query = `${kind} Away${n} { ${field}(id: "${UNKNOWN}") { id } } ${COMMENTS}`;
    const { closed, errors } = await knock('socket', gateway.url, { query }, 'key-of-ann');
    expect([closed, errors]).toEqual([1013, []]);
  }
});
