/** `jobsChanged` as a front end uses it: over a socket and an event stream, over restarts, and from old cursors. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, dataOf, openSocket, run, submit } from '../support/caller.js';
import { freePort } from '../support/free-port.js';
import { newFolder } from '../support/gateway-process.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { CANCEL, JOBS, JOBS_CHANGED, type SeenChange, textOf } from '../support/operations.js';

let gateway: TestGateway;
// Jobs wait until a test ends them.
const start = (dir: string, port: number) =>
  startGateway({
    dir,
    env: { PORT: String(port), AKOOL_MAX_CONCURRENCY: '1' },
    sandbox: { queueMs: 3_600_000 },
  });

let dir: string;
let port: number;
beforeAll(async () => {
  dir = newFolder();
  port = await freePort();
  gateway = await start(dir, port);
});
afterAll(() => gateway.stop());

/** Follows on a socket of its own until `isLast`, and returns all that it was told. */
async function followUntil(
  isLast: (change: SeenChange) => boolean,
  after: string | null,
  begun?: () => Promise<unknown>,
): Promise<SeenChange[]> {
  const socket = openSocket(gateway.url);
  const told: SeenChange[] = [];
  for await (const { data, errors } of run(socket, JOBS_CHANGED, { after })) {
    expect(errors).toBeUndefined();
    if (data == null) throw new Error('An event has no data');
    if (told.push(data.jobsChanged) === 1) await begun?.();
    if (isLast(data.jobsChanged)) break;
  }
  await socket.dispose();
  return told;
}

const isCurrent = ({ kind }: SeenChange): boolean => kind === 'CURRENT';
const deleteJob = (id: string) =>
  dataOf(ask(gateway.url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id }));
const cancel = (id: string) => dataOf(ask(gateway.url, CANCEL, { id }));

describe('jobsChanged', () => {
  it('tells a list what it missed while nobody followed, also over a restart', async () => {
    const sent = await submit(gateway.url);
    const [canceled, gone, same] = [
      await submit(gateway.url),
      await submit(gateway.url),
      await submit(gateway.url),
    ];
    const [{ cursor = '' } = {}] = await followUntil(isCurrent, null);
    await cancel(canceled.id);
    await gateway.stop();
    gateway = await start(dir, port);
    await cancel(gone.id);
    await deleteJob(gone.id);
    const fresh = await submit(gateway.url);

    const told = await followUntil(isCurrent, cursor);
    const states = new Map(
      told.map(({ job, deletedId, kind }) => [job?.id ?? deletedId, job?.status ?? kind]),
    );
    expect(states.get(canceled.id)).toBe('CANCELED');
    expect(states.get(gone.id)).toBe('DELETED');
    expect(states.get(fresh.id)).toBe('WAITING');
    expect(states.has(same.id)).toBe(false);
    expect(told.filter(({ job }) => job?.id === sent.id).length).toBeLessThanOrEqual(1);
    // From the end on nothing is missing.
    expect(await followUntil(isCurrent, told.at(-1)?.cursor ?? '')).toMatchObject([{ kind: 'CURRENT' }]);
    for (const { id } of [same, fresh]) await cancel(id);
  });

  it('goes on live: new jobs, moves in the queue, ends', async () => {
    const first = await submit(gateway.url);
    const [second, third] = [await submit(gateway.url), await submit(gateway.url)];
    const told = await followUntil(
      ({ kind, job }) => kind === 'MOVED' && job?.id === third.id && job.queuePosition === 1,
      null,
      async () => {
        await cancel(second.id);
        if (first.status === 'WAITING') await cancel(first.id);
      },
    );
    expect(told[0]).toMatchObject({ kind: 'CURRENT', job: null, deletedId: null });
    expect(told).toContainEqual(
      expect.objectContaining({
        kind: 'CHANGED',
        job: expect.objectContaining({ id: second.id, status: 'CANCELED' }),
      }),
    );
    await cancel(third.id);
  });

  it('asks to read the list again after a cursor that is none, and goes on from there', async () => {
    const { jobs } = await dataOf(ask(gateway.url, JOBS, { first: 1 }));
    const ofList = jobs.pageInfo.endCursor ?? '';
    for (const after of ['', 'made up', ofList, 'A'.repeat(22)]) {
      let id = '';
      const told = await followUntil(
        ({ job }) => job !== null && job.id === id,
        after,
        async () => {
          ({ id } = await submit(gateway.url));
        },
      );
      expect(told.map(({ kind }) => kind)).toEqual(['RESYNC', ...told.slice(1).map(() => 'CHANGED')]);
      const [{ cursor = '' } = {}] = told;
      const again = await followUntil(isCurrent, cursor);
      expect(again.at(0)?.job?.id).toBe(id);
      await cancel(id);
    }
  });

  it('is told over an event stream too', async () => {
    const response = await fetch(`${gateway.url}/graphql/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: textOf(JOBS_CHANGED) }),
    });
    let text = '';
    for await (const piece of response.body ?? []) {
      text += Buffer.from(piece).toString();
      if (text.includes('"CURRENT"')) break;
    }
    expect(text).toContain('event: next');
  });
});
