/** What is refused, what is repeated, and where there are limits. */
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { httpServer, json, text } from '../../../test/support/local-server.js';
import { ADDRESSES, all, closeClients, newClient, picture } from './support.js';

const KEY = '0123456789abcdef0123456789abcdef';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    env: { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0', MAX_SOCKET_OPERATIONS: '2' },
  });
});
afterAll(() => gateway.stop());
afterEach(() => {
  closeClients();
  vi.unstubAllGlobals();
});

it('a file is refused by its name or by its bytes', async () => {
  const client = newClient(gateway.url);
  await expect(client.upload(new Blob(['?'], { type: 'image/heic' }))).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    fieldErrors: [{ path: 'input.contentType', code: 'CONTENT_TYPE_UNSUPPORTED' }],
  });
  const swap = client.submit({
    source: new Blob(['no picture'], { type: 'image/png' }),
    target: ADDRESSES.target,
  });
  await expect(swap.result()).rejects.toMatchObject({ name: 'RequestRefused', code: 'MEDIA_UNSUPPORTED' });
});

it('a limit is said with the time after which to try again', async () => {
  const limited = await startGateway({ env: { AUTH_API_KEYS: `me:${KEY}`, RATE_QUERIES_PER_MINUTE: '1' } });
  try {
    const client = newClient(limited.url, { token: KEY });
    await client.jobs();
    // Longer than a query is repeated.
    await expect(client.jobs()).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfter: expect.any(Number),
    });
  } finally {
    await limited.stop();
  }
});

it('waits as long as the gateway says, and no answer of a proxy is the last word', async () => {
  const answers = [
    text(502, '<h1>Bad gateway</h1>'),
    json(503, {
      errors: [{ message: 'Later', extensions: { code: 'STORE_UNAVAILABLE', retryAfterSeconds: 1 } }],
    }),
    json(200, {
      data: null,
      errors: [{ message: 'Who knows', extensions: { code: 'INTERNAL_SERVER_ERROR', outcome: 'UNKNOWN' } }],
    }),
    json(200, { data: { answer: { job: { id: '1', version: 1 } } } }),
  ];
  const times: number[] = [];
  const server = await httpServer((request, response) => {
    times.push(performance.now());
    answers[times.length - 1]?.(request, response);
  });
  try {
    expect(await newClient(server.url).submit(ADDRESSES).id).toBe('1');
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThan(1000);
    const keys = server.received.map(
      ({ json }) =>
        (json as { variables: { input: { idempotencyKey: string } } }).variables.input.idempotencyKey,
    );
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^\d+-\d+-\d+-\d+$/);
  } finally {
    await server.close();
  }
});

it('a wrong address is not asked again', async () => {
  const server = await httpServer(text(404, '<h1>Not here</h1>'));
  try {
    await expect(newClient(server.url).job('1')).rejects.toMatchObject({ code: 'HTTP_404' });
    expect(server.received).toHaveLength(1);
  } finally {
    await server.close();
  }
});

it('more jobs than a socket may follow are followed, in turn', async () => {
  const [owner, client] = [newClient(gateway.url), newClient(gateway.url)];
  const swaps = Array.from({ length: 5 }, () => owner.submit(ADDRESSES));
  const followed = await Promise.all(swaps.map(async ({ id }) => client.follow(await id)));
  const ends = followed.map(all);
  await expect
    .poll(() => followed.map((one) => one.getSnapshot().job?.status))
    .toEqual(Array(5).fill('WAITING'));
  await Promise.all(swaps.map((swap) => swap.cancel()));
  for (const states of await Promise.all(ends)) expect(states.at(-1)?.status).toBe('CANCELED');
});

it('an insecure context has keys, and does without hashes', async () => {
  const { crypto } = globalThis;
  vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
  const bodies: string[] = [];
  const client = newClient(gateway.url, {
    fetch: (input, init) => {
      bodies.push(String(init?.body));
      return fetch(input, init);
    },
  });
  const swap = client.submit({ source: picture(2000), target: ADDRESSES.target });
  expect(await swap.id).not.toBe('');
  expect(bodies.join()).not.toContain('sha256":"');
  await swap.cancel();
});

it('a file that was sent before is not sent again', async () => {
  const puts: string[] = [];
  const client = newClient(gateway.url, {
    fetch: (input, init) => {
      if (init?.method === 'PUT') puts.push(String(input));
      return fetch(input, init);
    },
  });
  const file = picture(4000);
  const [first, second] = [await client.upload(file), await client.upload(file)];
  expect(second).toEqual(first);
  expect(puts).toHaveLength(1);
});
