/** Following a job: cancel, delete, failures, and readers that share. */
import { getEventListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { type Job, JobFailed, RequestRefused } from '../src/index.js';
import { ADDRESSES, all, closeClients, newClient } from './support.js';

let gateway: TestGateway;
let paused: TestGateway;
beforeAll(async () => {
  [gateway, paused] = await Promise.all([
    startGateway(),
    startGateway({ env: { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' } }),
  ]);
});
afterAll(async () => {
  await gateway.stop();
  await paused.stop();
});
afterEach(closeClients);

it('a job that is canceled ends with CANCELED, for all that follow it', async () => {
  const client = newClient(paused.url);
  const swap = client.submit(ADDRESSES);
  const states = all(client.follow(await swap.id));
  const result = swap.result().catch((error: unknown) => error);
  expect(await swap.cancel()).toMatchObject({ status: 'CANCELED' });
  expect((await states).at(-1)).toMatchObject({
    status: 'CANCELED',
    history: [
      { version: 1, status: 'WAITING', source: 'CLIENT', at: expect.any(String), note: null },
      { version: 2, status: 'CANCELED', source: 'CLIENT' },
    ],
  });
  expect(await result).toBeInstanceOf(JobFailed);
  expect(await result).toMatchObject({ code: 'CANCELED', job: { status: 'CANCELED' } });
  // It is what the caller wants.
  expect(await swap.cancel()).toMatchObject({ status: 'CANCELED' });
  await swap.delete();
  await swap.delete();
  expect(await client.job(await swap.id)).toBeNull();
});

it('a job that is deleted is gone for all that look, and for whoever looks later', async () => {
  const client = newClient(paused.url);
  const swap = client.submit(ADDRESSES);
  const initial = await swap.cancel();
  const looking = client.follow(initial.id);
  const stop = looking.subscribe(() => {});
  expect(looking.getSnapshot()).toMatchObject({ job: initial, error: null, done: true });
  await swap.delete();
  const gone = { error: { code: 'NOT_FOUND' }, done: true };
  expect(looking.getSnapshot()).toMatchObject(gone);
  stop();
  const later = client.follow(initial.id, { initial });
  for (let look = 0; look < 2; look++) {
    const leave = later.subscribe(() => {});
    expect(later.getSnapshot()).toMatchObject({ job: null, ...gone });
    leave();
  }
  expect(client.follow(initial.id).getSnapshot()).toMatchObject({ job: null, ...gone });
});

it('tells the present place in the queue of a job whose state was given', async () => {
  const [owner, page] = [newClient(paused.url), newClient(paused.url)];
  const ahead = owner.submit(ADDRESSES);
  await ahead.id;
  const last = owner.submit(ADDRESSES);
  const initial = await owner.job(await last.id);
  if (!initial?.queuePosition) throw new Error('The job does not wait');
  await ahead.cancel();
  const followed = page.follow(initial.id, { initial });
  const stop = followed.subscribe(() => {});
  await expect.poll(() => followed.getSnapshot().job?.queuePosition).toBe(initial.queuePosition - 1);
  stop();
  await last.cancel();
});

it('refuses to cancel what has ended, to delete what has not, and to follow what is not there', async () => {
  const [client, waiting] = [newClient(gateway.url), newClient(paused.url).submit(ADDRESSES)];
  const done = client.submit(ADDRESSES);
  await done.result();
  await expect(done.cancel()).rejects.toMatchObject({ name: 'RequestRefused', code: 'CONFLICT' });
  await expect(waiting.delete()).rejects.toMatchObject({ code: 'CONFLICT' });
  const nothing = client.follow('00000000-0000-4000-8000-000000000000');
  await expect(all(nothing)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(nothing.result()).rejects.toBeInstanceOf(RequestRefused);
  expect(nothing.getSnapshot()).toMatchObject({ job: null, done: true, error: { code: 'NOT_FOUND' } });
  await waiting.cancel();
});

it('a failed job tells why', async () => {
  const source = `${ADDRESSES.source}?sandbox-fault=refuse&sandbox-code=1007`;
  const swap = newClient(gateway.url).submit({ ...ADDRESSES, source });
  const error = await swap.result().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(JobFailed);
  expect(error).toMatchObject({ code: 'TOO_MANY_FACES', audience: 'USER', retryable: false });
  expect((error as JobFailed).userMessage).toContain('too many faces');
  expect((await all(swap)).at(-1)?.status).toBe('FAILED');
});

it('a state that is final needs no socket', async () => {
  const [client, page] = [newClient(gateway.url), newClient(gateway.url)];
  const swap = client.submit(ADDRESSES);
  await swap.result({ archived: true });
  const initial = await client.job(await swap.id);
  if (!initial) throw new Error('The job is not there');
  const states: string[] = [];
  page.connection.subscribe(() => states.push(page.connection.getSnapshot()));
  const followed = page.follow(initial.id, { initial });
  expect(await all(followed)).toEqual([initial]);
  expect(await followed.result()).toBe(initial.result);
  expect(states).toEqual([]);
});

it('however many look, the gateway is asked once', async () => {
  const sent: { readonly type: string }[] = [];
  class CountedSocket extends WebSocket {
    override send(text: string): void {
      sent.push(JSON.parse(text));
      super.send(text);
    }
  }
  const client = newClient(paused.url, { webSocket: CountedSocket });
  const swap = client.submit(ADDRESSES);
  const id = await swap.id;
  const looks = [swap, client.follow(id), client.follow(id)];
  const stops = looks.map((look) => look.subscribe(() => {}));
  const seen: Promise<Job[]>[] = looks.map(all);
  await expect.poll(() => client.connection.getSnapshot()).toBe('live');
  await swap.cancel();
  for (const states of await Promise.all(seen)) expect(states.at(-1)?.status).toBe('CANCELED');
  for (const stop of stops) stop();
  expect(sent.filter(({ type }) => type === 'subscribe')).toHaveLength(1);
  await expect.poll(() => client.connection.getSnapshot()).toBe('idle');
});

it('a follow token follows that one job, from the state that was given', async () => {
  const locked = await startGateway({
    env: { AUTH_API_KEYS: 'me:0123456789abcdef0123456789abcdef', DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' },
  });
  try {
    const owner = newClient(locked.url, { token: '0123456789abcdef0123456789abcdef' });
    const swap = owner.submit({ ...ADDRESSES, reference: 'secret' });
    const { token } = await swap.followToken(60);
    const initial = await owner.job(await swap.id);
    if (!initial) throw new Error('The job is not there');
    const page = newClient(locked.url);
    const followed = page.follow(initial.id, { followToken: token, initial });
    expect(followed.getSnapshot().job).toBe(initial);
    const states = all(followed);
    await swap.cancel();
    expect((await states).at(-1)).toMatchObject({ status: 'CANCELED', reference: null });
    // As a page that renews its tokens.
    const renewed = page.follow(initial.id, { followToken: (await swap.followToken(90)).token, initial });
    expect(renewed.getSnapshot().job).toMatchObject({ status: 'CANCELED', reference: null });
    await expect(followed.cancel()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(page.jobs()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    // Its socket is refused, and a value would be refused again.
    await expect(all(page.follow(initial.id))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  } finally {
    await locked.stop();
  }
});

it('a signal ends an iteration with its reason, and the job goes on', async () => {
  const client = newClient(paused.url);
  const swap = client.submit(ADDRESSES);
  const controller = new AbortController();
  const reason = new Error('Enough');
  const followed = client.follow(await swap.id, { signal: controller.signal });
  const seen: string[] = [];
  const iterated = (async () => {
    for await (const { status } of followed) {
      seen.push(status);
      controller.abort(reason);
    }
  })();
  await expect(iterated).rejects.toBe(reason);
  expect(seen).toEqual(['WAITING']);
  const waits = new AbortController();
  const result = swap.result({ signal: waits.signal });
  waits.abort(reason);
  await expect(result).rejects.toBe(reason);
  expect(await swap.cancel()).toMatchObject({ status: 'CANCELED' });
});

it('a signal that fires after the end changes nothing', async () => {
  const client = newClient(paused.url);
  const controller = new AbortController();
  const swap = client.submit(ADDRESSES, { signal: controller.signal });
  const states = all(swap);
  await swap.cancel();
  await states;
  const ended = swap.getSnapshot();
  expect(ended).toMatchObject({ job: { status: 'CANCELED' }, error: null, done: true });
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  controller.abort(new Error('Too late'));
  expect(swap.getSnapshot()).toBe(ended);
});

it('after close, twice, nothing is asked and everybody is told', async () => {
  const client = newClient(paused.url);
  const swap = client.submit(ADDRESSES);
  await swap.id;
  const states = all(swap).catch((error: unknown) => error);
  await expect.poll(() => client.connection.getSnapshot()).toBe('live');
  client.close();
  client.close();
  expect(await states).toMatchObject({ name: 'RequestRefused', code: 'CLOSED' });
  await expect(client.jobs()).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(all(client.follow(await swap.id))).rejects.toMatchObject({ code: 'CLOSED' });
  expect(client.connection.getSnapshot()).toBe('idle');
});

it('finds the faces of a file', async () => {
  const client = newClient(gateway.url);
  const { frames } = await client.detectFaces({ url: `${gateway.sandbox.url}/samples/source-face.png` });
  expect(frames[0]?.faces[0]).toMatchObject({
    opts: expect.any(String),
    region: { width: expect.any(Number) },
  });
});
