/** Submits that were not answered before a page ended. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { httpServer, json, text } from '../../../test/support/local-server.js';
import { ADDRESSES, closeClients, memoryStorage, newClient, picture } from './support.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ env: { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' } });
});
afterAll(() => gateway.stop());
afterEach(() => {
  closeClients();
  vi.useRealTimers();
});

let storage: ReturnType<typeof memoryStorage>;
beforeEach(() => {
  storage = memoryStorage();
});

/** A line on which requests that contain `held` are never answered. */
function lossy(
  held: string,
  isDelivered = false,
): { readonly fetch: typeof fetch; readonly count: () => number } {
  let count = 0;
  return {
    count: () => count,
    fetch: async (input, init) => {
      if (!`${init?.method} ${init?.body}`.includes(held)) return fetch(input, init);
      if (isDelivered) await fetch(input, init);
      count += 1;
      return new Promise((_resolve, reject) => {
        const end = (): void => reject(init?.signal?.reason);
        init?.signal?.addEventListener('abort', end);
        if (init?.signal?.aborted) end();
      });
    },
  };
}

/** A page that ends before its submit is answered. */
async function pageThatEnds(reference: string, isDelivered: boolean): Promise<void> {
  const line = lossy('submitFaceSwap', isDelivered);
  const page = newClient(gateway.url, { storage, scope: 'anna', token: 'secret-token', fetch: line.fetch });
  const { id } = page.submit({ ...ADDRESSES, reference });
  // At once, because a page may end at any time.
  expect(storage.length).toBe(1);
  await expect.poll(line.count).toBe(1);
  page.close();
  await expect(id).rejects.toMatchObject({ code: 'CLOSED' });
}

const found = async (reference: string) =>
  (await newClient(gateway.url).jobs({ filter: { reference } })).jobs.map(({ id }) => id);

it.each([
  ['was stored', true],
  ['never arrived', false],
])('one that %s is sent again with its key, by whoever comes first', async (_what, isDelivered) => {
  const reference = `delivered ${isDelivered}`;
  await pageThatEnds(reference, isDelivered);
  expect(await found(reference)).toHaveLength(isDelivered ? 1 : 0);
  expect(storage.texts().join()).toContain(reference);
  expect(storage.texts().join()).not.toContain('secret-token');

  const tabs = [
    newClient(gateway.url, { storage, scope: 'anna' }),
    newClient(gateway.url, { storage, scope: 'anna' }),
  ];
  const resumed = () => tabs.flatMap((tab) => tab.resumed.getSnapshot());
  await expect.poll(() => resumed().length).toBeGreaterThan(0);
  const ids = await Promise.all(
    resumed().map((submit) => (submit.outcome === 'sent-again' ? submit.job.id : 'interrupted')),
  );
  const [stored] = await found(reference);
  expect(new Set(ids)).toEqual(new Set([stored]));
  expect(storage.length).toBe(0);
  expect(newClient(gateway.url, { storage, scope: 'anna' }).resumed.getSnapshot()).toEqual([]);
});

it('one of another scope or gateway is not, nor one that is older than ten minutes', async () => {
  await pageThatEnds('of anna', false);
  expect(newClient(gateway.url, { storage, scope: 'ben' }).resumed.getSnapshot()).toEqual([]);
  expect(newClient(gateway.url, { storage }).resumed.getSnapshot()).toEqual([]);
  expect(newClient('http://127.0.0.1:1', { storage, scope: 'anna' }).resumed.getSnapshot()).toEqual([]);
  expect(storage.length).toBe(1);
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + 601_000);
  // Whoever looks removes it.
  expect(newClient(gateway.url, { storage, scope: 'ben' }).resumed.getSnapshot()).toEqual([]);
  expect(storage.length).toBe(0);
});

it('one that is stopped is not sent any more, by this page or a later one', async () => {
  await pageThatEnds('unwanted', false);
  const line = lossy('submitFaceSwap');
  const next = newClient(gateway.url, { storage, scope: 'anna', fetch: line.fetch });
  await expect.poll(line.count).toBe(1);
  const [submit] = next.resumed.getSnapshot();
  submit?.dismiss();
  expect(next.resumed.getSnapshot()).toEqual([]);
  // It only goes out of sight.
  expect(storage.length).toBe(1);
  submit?.dismiss(true);
  expect(storage.length).toBe(0);
  await expect(submit?.outcome === 'sent-again' && submit.job.id).rejects.toMatchObject({
    name: 'AbortError',
  });
  expect(line.count()).toBe(1);
  expect(await found('unwanted')).toEqual([]);
});

it('a job that was accepted goes on when its submit is stopped', async () => {
  await pageThatEnds('accepted', true);
  const next = newClient(gateway.url, { storage, scope: 'anna' });
  await expect.poll(() => next.resumed.getSnapshot().length).toBe(1);
  const [submit] = next.resumed.getSnapshot();
  if (submit?.outcome !== 'sent-again') throw new Error('It was not sent again');
  const id = await submit.job.id;
  submit.dismiss(true);
  expect(next.resumed.getSnapshot()).toEqual([]);
  await expect.poll(() => found('accepted')).toEqual([id]);
  for await (const job of submit.job) {
    expect(job.status).toBe('WAITING');
    break;
  }
});

it('a file that was on its way is not sent again, and the app is told', async () => {
  const page = newClient(gateway.url, { storage, scope: 'anna', fetch: lossy('PUT').fetch });
  const { id } = page.submit({
    source: picture(5000),
    target: ADDRESSES.target,
    reference: 'holiday',
    metadata: { page: 3 },
  });
  expect(storage.length).toBe(1);
  expect(storage.texts().join().length).toBeLessThan(500);
  page.close();
  await expect(id).rejects.toMatchObject({ code: 'CLOSED' });

  const next = newClient(gateway.url, { storage, scope: 'anna' });
  await expect
    .poll(() => next.resumed.getSnapshot())
    .toMatchObject([
      { outcome: 'interrupted', method: 'submit', reference: 'holiday', metadata: { page: 3 } },
    ]);
  expect(storage.length).toBe(0);
  expect(await found('holiday')).toEqual([]);
});

it('once it is answered, refused or aborted, nothing is remembered', async () => {
  const client = newClient(gateway.url, { storage, scope: 'anna' });
  await client.submit(ADDRESSES).id;
  expect(storage.length).toBe(0);
  await expect(client.submit({ ...ADDRESSES, source: 'no address' }).id).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
  });
  expect(storage.length).toBe(0);
  const controller = new AbortController();
  const aborted = newClient(gateway.url, {
    storage,
    scope: 'anna',
    fetch: lossy('submitFaceSwap').fetch,
  }).submit(ADDRESSES, {
    signal: controller.signal,
  });
  expect(storage.length).toBe(1);
  controller.abort();
  await expect(aborted.id).rejects.toBe(controller.signal.reason);
  expect(storage.length).toBe(0);
});

it('one that was aborted while its token was awaited is not sent by a later page', async () => {
  const controller = new AbortController();
  let isAsked = false;
  const token = () => {
    isAsked = true;
    return new Promise<string>(() => {});
  };
  const page = newClient(gateway.url, { storage, scope: 'anna', token });
  page.submit({ ...ADDRESSES, reference: 'given up' }, { signal: controller.signal });
  await expect.poll(() => isAsked).toBe(true);
  expect(storage.length).toBe(1);
  controller.abort();
  expect(storage.length).toBe(0);
});

it('a storage that fails, is full of nonsense or is crowded stops nobody', async () => {
  const broken = new Proxy(storage, {
    get: () => {
      throw new Error('Storage is forbidden');
    },
  });
  await newClient(gateway.url, { storage: broken, scope: 'anna' }).submit(ADDRESSES).id;
  storage.setItem('face-swap:anna:nonsense', '{');
  storage.setItem('face-swap:anna:null', 'null');
  storage.setItem('of another program', '{"at":1}');
  const client = newClient(gateway.url, { storage, scope: 'anna', fetch: lossy('submitFaceSwap').fetch });
  expect(client.resumed.getSnapshot()).toEqual([]);
  for (let count = 0; count < 105; count++) client.submit(ADDRESSES).id.catch(() => {});
  expect(storage.length).toBe(103);
  expect(storage.getItem('of another program')).toBe('{"at":1}');
});

const REFUSED_TOKEN = json(401, {
  errors: [{ message: 'Who are you?', extensions: { code: 'UNAUTHENTICATED' } }],
});
const ACCEPTED = json(200, { data: { answer: { job: { id: '1', version: 1 } } } });

it('whether it was accepted is not told by a token that is refused later, nor by a stranger', async () => {
  const answers = [
    text(502, ''),
    text(200, '<h1>Please pay for the Wi-Fi</h1>'),
    ...Array(9).fill(REFUSED_TOKEN),
  ];
  const server = await httpServer((request, response) => answers.shift()?.(request, response));
  try {
    const client = newClient(server.url, { storage, scope: 'anna', token: 'expired' });
    await expect(client.submit(ADDRESSES).id).rejects.toMatchObject({
      code: 'UNANSWERED',
      cause: { code: 'UNAUTHENTICATED' },
    });
    expect(server.received).toHaveLength(3);
    expect(storage.length).toBe(1);
  } finally {
    await server.close();
  }
});

it('is sent again until its session has loaded', async () => {
  await pageThatEnds('session', false);
  // More often than another request asks for a token.
  const answers = [...Array(4).fill(REFUSED_TOKEN), ACCEPTED];
  const server = await httpServer((request, response) => answers.shift()?.(request, response));
  try {
    const next = newClient(gateway.url, {
      storage,
      scope: 'anna',
      token: () => null,
      fetch: (_url, init) => fetch(server.url, init),
    });
    await expect.poll(() => next.resumed.getSnapshot().length).toBe(1);
    const [submit] = next.resumed.getSnapshot();
    expect(submit?.outcome === 'sent-again' && (await submit.job.id)).toBe('1');
    expect(storage.length).toBe(0);
  } finally {
    await server.close();
  }
});

it('one whose token is refused is left to nobody once it is aborted', async () => {
  const server = await httpServer(REFUSED_TOKEN);
  try {
    const controller = new AbortController();
    const client = newClient(server.url, { storage, scope: 'anna', token: 'expired' });
    const { id } = client.submit(ADDRESSES, { signal: controller.signal });
    await expect(id).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(storage.length).toBe(1);
    controller.abort();
    expect(storage.length).toBe(0);
  } finally {
    await server.close();
  }
});

it('one whose token is refused is left to the page after signing in', async () => {
  const server = await httpServer(REFUSED_TOKEN);
  try {
    const client = newClient(server.url, { storage, scope: 'anna', token: 'expired' });
    await expect(client.submit(ADDRESSES).id).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(storage.length).toBe(1);
  } finally {
    await server.close();
  }
});

it('one that can no longer be kept is not said to be interrupted', async () => {
  const line = lossy('submitFaceSwap');
  const page = newClient(gateway.url, { storage, scope: 'anna', fetch: line.fetch });
  const { setItem } = storage;
  const { id } = page.submit({ source: picture(2000), target: ADDRESSES.target });
  storage.setItem = () => {
    throw new Error('The quota is exceeded');
  };
  await expect.poll(line.count).toBe(1);
  storage.setItem = setItem;
  page.close();
  await expect(id).rejects.toMatchObject({ code: 'CLOSED' });
  expect(storage.length).toBe(0);
});
