/** A list of jobs while jobs come, change and go. */
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { freePort } from '../../../test/support/free-port.js';
import { newFolder } from '../../../test/support/gateway-process.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { startProxy } from '../../../test/support/tcp-proxy.js';
import type { FaceSwap, JobList } from '../src/index.js';
import { ADDRESSES, closeClients, newClient } from './support.js';

let gateway: TestGateway;
let dir: string;
let port: number;
// Jobs wait until a test ends them.
const start = () =>
  startGateway({
    dir,
    env: { PORT: String(port), DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' },
  });

beforeAll(async () => {
  dir = newFolder();
  port = await freePort();
  gateway = await start();
});
afterAll(() => gateway.stop());
afterEach(closeClients);

const submit = (client: FaceSwap, reference?: string) => client.submit({ ...ADDRESSES, reference }).id;
const ids = (list: JobList) => list.getSnapshot().jobs.map(({ id }) => id);

/** A list that is live, and what it showed so far. */
async function follow(client: FaceSwap, options = {}) {
  const list = client.followAll(options);
  let changes = 0;
  const stop = list.subscribe(() => {
    changes += 1;
  });
  await expect.poll(() => list.getSnapshot().loading).toBe(false);
  await expect.poll(() => client.connection.getSnapshot()).toBe('live');
  return { list, stop, changes: () => changes };
}

it('shows new jobs first, moves them in the queue, and drops those that are deleted', async () => {
  const [mine, other] = [newClient(gateway.url), newClient(gateway.url)];
  const first = await submit(other);
  const { list, stop } = await follow(mine);
  expect(ids(list)).toEqual([first]);
  const second = await submit(other);
  await expect.poll(() => ids(list)).toEqual([second, first]);
  await expect.poll(() => list.getSnapshot().jobs.map(({ queuePosition }) => queuePosition)).toEqual([2, 1]);
  await other.follow(first).cancel();
  await expect
    .poll(() => list.getSnapshot().jobs.map(({ status }) => status))
    .toEqual(['WAITING', 'CANCELED']);
  await expect.poll(() => list.getSnapshot().jobs[0]?.queuePosition).toBe(1);
  await other.follow(first).delete();
  await expect.poll(() => ids(list)).toEqual([second]);
  // What this client does itself is shown at once.
  const third = await submit(mine);
  expect(ids(list)).toEqual([third, second]);
  stop();
  await expect.poll(() => mine.connection.getSnapshot()).toBe('idle');
  for (const id of [second, third]) await mine.follow(id).cancel();
  for (const id of [second, third]) await mine.follow(id).delete();
});

it('fills the gap of a gateway that was away, deletions included', async () => {
  const [mine, other] = [newClient(gateway.url), newClient(gateway.url)];
  const [kept, changed, gone] = [await submit(other), await submit(other), await submit(other)];
  const { list } = await follow(mine);
  expect(ids(list)).toEqual([gone, changed, kept]);
  await gateway.stop();
  await expect.poll(() => mine.connection.getSnapshot()).not.toBe('live');
  // Another gateway of the same database, which this client does not know.
  const hidden = await startGateway({ dir, env: { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0' } });
  const away = newClient(hidden.url);
  await away.follow(changed).cancel();
  await away.follow(gone).cancel();
  await away.follow(gone).delete();
  const added = await submit(away);
  await hidden.stop();
  gateway = await start();
  await expect.poll(() => ids(list)).toEqual([added, changed, kept]);
  expect(list.getSnapshot().jobs.map(({ status }) => status)).toEqual(['WAITING', 'CANCELED', 'WAITING']);
  for (const id of [added, kept]) await mine.follow(id).cancel();
  for (const id of [added, changed, kept]) await mine.follow(id).delete();
});

it('shows where its jobs are in the queue after a gap, in which nobody told of moves', async () => {
  const proxy = await startProxy(gateway.url);
  onTestFinished(() => proxy.stop());
  const [mine, other] = [newClient(new URL(proxy.url).origin), newClient(gateway.url)];
  const ahead = await submit(other);
  const { list, stop } = await follow(mine, { filter: { status: ['WAITING'] } });
  const last = await submit(other);
  // It is told, so the list is not read any more.
  await expect.poll(() => ids(list)).toContain(last);
  const positionOf = (id: string) => list.getSnapshot().jobs.find((job) => job.id === id)?.queuePosition;
  const before = positionOf(last) ?? 0;
  expect(before).toBeGreaterThan(1);
  await proxy.become('away');
  await other.follow(ahead).cancel();
  await proxy.become('on');
  await expect.poll(() => positionOf(last)).toBe(before - 1);
  stop();
  await other.follow(last).cancel();
  for (const id of [ahead, last]) await other.follow(id).delete();
});

it('shows what its filter lets through, page by page', async () => {
  const client = newClient(gateway.url);
  const sent: string[] = [];
  for (let count = 0; count < 5; count++) sent.unshift(await submit(client, 'album'));
  await submit(client, 'another');
  const { list } = await follow(client, { filter: { reference: 'album', status: ['WAITING'] }, pageSize: 2 });
  expect(ids(list)).toEqual(sent.slice(0, 2));
  expect(list.getSnapshot().hasMore).toBe(true);
  await list.loadMore();
  expect(ids(list)).toEqual(sent.slice(0, 4));
  // One that left the filter leaves the list; an older one than those shown does not enter it.
  await client.follow(sent[1] ?? '').cancel();
  await expect.poll(() => ids(list)).toEqual([sent[0], sent[2], sent[3]]);
  await list.loadMore();
  expect(ids(list)).toEqual([sent[0], sent[2], sent[3], sent[4]]);
  expect(list.getSnapshot().hasMore).toBe(false);
  expect((await client.jobs({ first: 1, filter: { reference: 'another' } })).jobs).toHaveLength(1);
});

it('places new jobs also when all that it has read are gone', async () => {
  const [client, other] = [newClient(gateway.url), newClient(gateway.url)];
  const [oldest, older, newest] = [
    await submit(other, 'few'),
    await submit(other, 'few'),
    await submit(other, 'few'),
  ];
  const filter = { reference: 'few', status: ['WAITING'] };
  const { list, stop } = await follow(client, { filter, pageSize: 1 });
  expect(ids(list)).toEqual([newest]);
  await other.follow(newest).cancel();
  await expect.poll(() => ids(list)).toEqual([]);
  const added = await submit(other, 'few');
  await expect.poll(() => ids(list)).toEqual([added]);
  await list.loadMore();
  expect(ids(list)).toEqual([added, older]);
  await list.loadMore();
  expect(ids(list)).toEqual([added, older, oldest]);
  stop();
});

it('does not show a job because its state was given, which may be of one that was deleted', async () => {
  const [mine, other] = [newClient(gateway.url), newClient(gateway.url)];
  const id = await submit(other);
  await other.follow(id).cancel();
  const initial = await other.job(id);
  if (!initial) throw new Error('The job is not there');
  await other.follow(id).delete();
  const { list, stop } = await follow(mine);
  mine.follow(id, { initial });
  expect(ids(list)).not.toContain(id);
  stop();
});

it('several lists and iterations need one subscription, which is made again after RESYNC', async () => {
  const subscribed: Record<string, unknown>[] = [];
  const sockets: WebSocket[] = [];
  class SpiedSocket extends WebSocket {
    override send(text: string): void {
      const { type, payload } = JSON.parse(text);
      if (type === 'subscribe') {
        subscribed.push(payload.variables);
        sockets.push(this);
      }
      // As if the cursor were too old.
      super.send(text.replace(/"after":"[^"]*"/, '"after":"made up"'));
    }
  }
  const client = newClient(gateway.url, { webSocket: SpiedSocket });
  const { list } = await follow(client);
  const before = ids(list);
  for await (const { loading, jobs } of client.followAll({ filter: { status: ['CANCELED'] } })) {
    if (loading) continue;
    expect(new Set(jobs.map(({ status }) => status))).toEqual(new Set(['CANCELED']));
    break;
  }
  expect(subscribed).toEqual([{}]);
  sockets[0]?.terminate();
  const added = await submit(newClient(gateway.url));
  await expect.poll(() => ids(list)).toEqual([added, ...before]);
  await expect.poll(() => subscribed).toEqual([{}, { after: expect.any(String) }]);
});

it('goes on where it was after its subscription was completed', async () => {
  const subscribed: { readonly after?: string }[] = [];
  let complete = (): void => {};
  class CompletedSocket extends WebSocket {
    override send(text: string): void {
      const { type, id, payload } = JSON.parse(text);
      super.send(text);
      if (type !== 'subscribe') return;
      subscribed.push(payload.variables);
      complete = () => this.emit('message', JSON.stringify({ type: 'complete', id }), false);
    }
  }
  const client = newClient(gateway.url, { webSocket: CompletedSocket });
  const { list, stop } = await follow(client, { filter: { reference: 'completed' } });
  const [added] = [await submit(newClient(gateway.url), 'completed')];
  await expect.poll(() => ids(list)).toEqual([added]);
  complete();
  await expect.poll(() => subscribed).toEqual([{}, { after: expect.any(String) }]);
  stop();
});
