/** Lines that die, gateways that restart, tokens that expire, and answers that come late. */
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { freePort } from '../../../test/support/free-port.js';
import { Gate } from '../../../test/support/gate.js';
import { newFolder } from '../../../test/support/gateway-process.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { startProxy, type TcpProxy } from '../../../test/support/tcp-proxy.js';
import type { Connection, FaceSwap } from '../src/index.js';
import { ADDRESSES, all, closeClients, newClient } from './support.js';
import { jwt, SECRET } from './tokens.js';

const PAUSED = { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' };

let gateway: TestGateway;
let proxy: TcpProxy;
beforeAll(async () => {
  gateway = await startGateway({ env: PAUSED });
  proxy = await startProxy(gateway.url);
});
afterAll(async () => {
  await proxy.stop();
  await gateway.stop();
});
afterEach(async () => {
  closeClients();
  await proxy.become('on');
});

/** An address without a path. */
const base = (url: string): string => new URL(url).origin;

/** Every state that a connection was in. */
function states(client: FaceSwap): Connection[] {
  const { subscribe, getSnapshot } = client.connection;
  const seen = [getSnapshot()];
  subscribe(() => seen.push(getSnapshot()));
  return seen;
}

it('notices within 15 s that a line is dead, and tells what happened meanwhile', async () => {
  const client = newClient(base(proxy.url));
  const swap = client.submit(ADDRESSES);
  const id = await swap.id;
  const done = all(swap);
  await expect.poll(() => client.connection.getSnapshot()).toBe('live');
  await proxy.become('silent');
  const silentAt = performance.now();
  await newClient(gateway.url).follow(id).cancel();
  await expect.poll(() => client.connection.getSnapshot(), { timeout: 20_000 }).not.toBe('live');
  expect(performance.now() - silentAt).toBeLessThan(15_000);
  await proxy.become('on');
  const onAt = performance.now();
  expect((await done).at(-1)?.status).toBe('CANCELED');
  expect(performance.now() - onAt).toBeLessThan(15_000);
});

it('goes on after the gateway was stopped and started again', async () => {
  const [dir, port] = [newFolder(), await freePort()];
  const start = () => startGateway({ dir, env: { PORT: String(port), ...PAUSED } });
  let restarted = await start();
  const client = newClient(restarted.url);
  const seen = states(client);
  const swap = client.submit(ADDRESSES);
  const done = all(swap);
  await expect.poll(() => client.connection.getSnapshot()).toBe('live');
  await restarted.stop();
  await expect.poll(() => client.connection.getSnapshot()).not.toBe('live');
  restarted = await start();
  try {
    await swap.cancel();
    const told = (await done).map(({ version }) => version);
    expect(told).toEqual([1, 2]);
    expect(seen.slice(0, 3)).toEqual(['idle', 'connecting', 'live']);
  } finally {
    await restarted.stop();
  }
});

it('goes on after every connection was reset and nobody listened', async () => {
  const client = newClient(base(proxy.url));
  const list = client.followAll();
  const stop = list.subscribe(() => {});
  const swap = client.submit(ADDRESSES);
  const done = all(swap);
  const id = await swap.id;
  await expect.poll(() => client.connection.getSnapshot()).toBe('live');
  await proxy.become('away');
  await expect.poll(() => client.connection.getSnapshot()).toBe('connecting');
  const other = newClient(gateway.url);
  await other.follow(id).cancel();
  const added = await other.submit(ADDRESSES).id;
  await proxy.become('on');
  expect((await done).map(({ version }) => version)).toEqual([1, 2]);
  await expect
    .poll(() => list.getSnapshot().jobs.slice(0, 2))
    .toMatchObject([
      { id: added, status: 'WAITING' },
      { id, status: 'CANCELED' },
    ]);
  stop();
});

it('repeats a submit whose answer was lost, with its key', async () => {
  let lost = 0;
  proxy.toClient = (bytes) => {
    // The submit is stored.
    if (lost === 0 && bytes.includes('"status":"WAITING"')) {
      lost += 1;
      return 'cut';
    }
    return 'pass';
  };
  const client = newClient(base(proxy.url));
  const id = await client.submit({ ...ADDRESSES, reference: 'once' }).id;
  expect(lost).toBe(1);
  expect((await client.jobs({ filter: { reference: 'once' } })).jobs.map((job) => job.id)).toEqual([id]);
  proxy.toClient = () => 'pass';
});

it('an answer that comes late never replaces a newer state', async () => {
  const gate = new Gate();
  let isHeld = false;
  const client = newClient(gateway.url, {
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      // The list may read its page once more.
      if (isHeld && String(init?.body).includes('answer:job(')) await gate.pass();
      return response;
    },
  });
  const swap = client.submit(ADDRESSES);
  const id = await swap.id;
  const list = client.followAll();
  const stop = list.subscribe(() => {});
  await expect
    .poll(() => [client.connection.getSnapshot(), list.getSnapshot().loading])
    .toEqual(['live', false]);
  isHeld = true;
  const late = client.job(id);
  await gate.arrived();
  await newClient(gateway.url).follow(id).cancel();
  await expect.poll(() => list.getSnapshot().jobs[0]?.status).toBe('CANCELED');
  gate.open();
  expect(await late).toMatchObject({ status: 'CANCELED' });
  expect(list.getSnapshot().jobs[0]?.status).toBe('CANCELED');
  stop();
});

it('polls while sockets do not get through, and no longer', async () => {
  let isBlocked = true;
  const blocking = await startProxy(gateway.url);
  blocking.toServer = (bytes) => (isBlocked && bytes.includes('Upgrade: websocket') ? 'cut' : 'pass');
  const client = newClient(base(blocking.url));
  const swap = client.submit(ADDRESSES);
  const list = client.followAll();
  const stop = list.subscribe(() => {});
  const done = all(swap);
  await expect.poll(() => client.connection.getSnapshot()).toBe('polling');
  await newClient(gateway.url)
    .follow(await swap.id)
    .cancel();
  expect((await done).at(-1)?.status).toBe('CANCELED');
  await expect.poll(() => list.getSnapshot().jobs[0]?.status).toBe('CANCELED');
  isBlocked = false;
  await expect.poll(() => client.connection.getSnapshot(), { timeout: 15_000 }).toBe('live');
  stop();
  await blocking.stop();
});

it('waits while a proxy answers in the place of the gateway', async () => {
  const blocking = await startProxy(gateway.url);
  blocking.toServer = (bytes) => (bytes.includes('Upgrade: websocket') ? 'cut' : 'pass');
  let isAway = false;
  const client = newClient(base(blocking.url), {
    fetch: async (...args) => (isAway ? new Response('404 page not found', { status: 404 }) : fetch(...args)),
  });
  const swap = client.submit(ADDRESSES);
  const id = await swap.id;
  const list = client.followAll();
  const stop = list.subscribe(() => {});
  const done = all(swap);
  await expect.poll(() => client.connection.getSnapshot()).toBe('polling');
  isAway = true;
  await expect.poll(() => client.connection.getSnapshot()).toBe('offline');
  expect([swap.getSnapshot().done, list.getSnapshot().jobs[0]?.id]).toEqual([false, id]);
  isAway = false;
  await newClient(gateway.url).follow(id).cancel();
  expect((await done).at(-1)?.status).toBe('CANCELED');
  await expect.poll(() => list.getSnapshot().jobs[0]?.status).toBe('CANCELED');
  stop();
  await blocking.stop();
});

it('while polling, a list that is refused stops no other', async () => {
  const blocking = await startProxy(gateway.url);
  blocking.toServer = (bytes) => (bytes.includes('Upgrade: websocket') ? 'cut' : 'pass');
  const client = newClient(base(blocking.url));
  const id = await client.submit(ADDRESSES).id;
  const lists = [{}, { filter: { createdAfter: 'half a d' } }].map((options) => client.followAll(options));
  const stops = lists.map((list) => list.subscribe(() => {}));
  const [good, bad] = lists;
  await expect.poll(() => bad?.getSnapshot().error).toMatchObject({ code: 'BAD_USER_INPUT' });
  const other = newClient(gateway.url);
  await other.follow(id).cancel();
  await expect.poll(() => good?.getSnapshot().jobs[0]?.status).toBe('CANCELED');
  // Another poll comes after the one that was refused.
  const next = await other.submit(ADDRESSES).id;
  await expect.poll(() => good?.getSnapshot().jobs[0]?.id).toBe(next);
  expect(good?.getSnapshot().error).toBeNull();
  for (const stop of stops) stop();
  await blocking.stop();
});

it('leaves a first attempt to open a socket to itself when the page says that it is shown', async () => {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  onTestFinished(() => void vi.unstubAllGlobals());
  let attempts = 0;
  const webSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      attempts += 1;
    }
  };
  const client = newClient(gateway.url, { webSocket });
  const swap = client.submit(ADDRESSES);
  await swap.id;
  const stop = swap.subscribe(() => {});
  expect(attempts).toBe(1);
  page.dispatchEvent(new Event('pageshow'));
  await expect.poll(() => client.connection.getSnapshot()).toBe('live');
  expect(attempts).toBe(1);
  stop();
});

it('without a WebSocket, jobs are polled', async () => {
  const client = newClient(gateway.url, { webSocket: undefined });
  // Node 22 has one.
  if (globalThis.WebSocket) return expect(client.connection.getSnapshot()).toBe('idle');
  const swap = client.submit(ADDRESSES);
  const done = all(swap);
  await expect.poll(() => client.connection.getSnapshot()).toBe('polling');
  await swap.cancel();
  expect((await done).at(-1)?.status).toBe('CANCELED');
});

it('asks a function for each token, and never sends one that has expired', async () => {
  const guarded = await startGateway({
    env: { ...PAUSED, AUTH_JWT_SECRET: SECRET, AUTH_JWT_CLOCK_TOLERANCE_S: '0' },
  });
  try {
    const tokens: string[] = [];
    const token = () => {
      const made = jwt(Math.ceil(Date.now() / 1000) + 2);
      tokens.push(made);
      return made;
    };
    const client = newClient(guarded.url, { token });
    const seen = states(client);
    const swap = client.submit(ADDRESSES);
    const done = all(swap);
    await swap.id;
    // Its socket is closed when the first token expires.
    await expect
      .poll(() => seen.filter((state) => state === 'live').length, { timeout: 15_000 })
      .toBeGreaterThan(1);
    await swap.cancel();
    expect((await done).map(({ version }) => version)).toEqual([1, 2]);
    expect(tokens.length).toBeGreaterThanOrEqual(4);

    const fixed = newClient(guarded.url, { token: jwt(Math.ceil(Date.now() / 1000) + 2) });
    const followed = all(fixed.submit(ADDRESSES));
    await expect(followed).rejects.toMatchObject({ name: 'RequestRefused', code: 'UNAUTHENTICATED' });
    expect(fixed.connection.getSnapshot()).toBe('idle');

    // A function may be wrong for a while.
    let asked = 0;
    const recovering = newClient(guarded.url, {
      token: async () => (++asked === 1 ? 'wrong' : jwt(Math.ceil(Date.now() / 1000) + 60)),
    });
    expect((await recovering.jobs({ first: 1 })).jobs).toHaveLength(1);
    const hopeless = newClient(guarded.url, { token: () => 'wrong' });
    await expect(hopeless.jobs()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const shown = states(hopeless);
    await expect(hopeless.follow(await swap.id).result()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(shown).not.toContain('offline');
  } finally {
    await guarded.stop();
  }
});
