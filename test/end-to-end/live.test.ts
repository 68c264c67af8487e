/** Live updates: slow and vanished followers, resuming, cleaning up, and errors over a socket. */
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createInProcessJobBus } from '../../src/services/bus/in-process-job-bus.js';
import type { Job } from '../../src/services/jobs/job.js';
import type { JobBus, JobListener, JobSignal, Unfollow } from '../../src/services/jobs/job-bus.js';
import {
  type ClientError,
  expectWholeLife,
  follow,
  lookUp,
  oneFace,
  openSocket,
  run,
  submit,
  upTo,
} from '../support/caller.js';
import { type GatewayOptions, startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { CANCEL, JOB, JOB_UPDATED, JOBS_UPDATED, type SeenJob, SUBMIT } from '../support/operations.js';

let gateway: TestGateway;
let listeners: Listeners;

afterEach(async () => {
  await gateway.stop();
});

/** Counts the listeners on the bus and records what was last published. */
class Listeners {
  readonly bus: JobBus;
  readonly #latest = new Map<string, Job>();
  readonly #followers = new Set<JobListener>();
  #count = 0;

  constructor() {
    const bus = createInProcessJobBus();
    this.bus = withMethods(bus, {
      publish: (job) => {
        this.#latest.set(job.id, job);
        bus.publish(job);
      },
      followJob: async (id, listener) => {
        this.#followers.add(listener);
        return this.#counted(await bus.followJob(id, listener));
      },
      followTenant: async (tenant, listener) => this.#counted(await bus.followTenant(tenant, listener)),
    });
  }

  latest(id: string): Job {
    const job = this.#latest.get(id);
    if (job === undefined) throw new Error(`Nothing was said about ${id}`);
    return job;
  }

  /** Sends this signal to the followers of single jobs only. */
  hint(signal: JobSignal): void {
    for (const follower of this.#followers) follower(signal);
  }

  /** Resolves when there are no listeners. */
  gone(): Promise<void> {
    return this.joined(0);
  }

  /** Resolves when there are `count` listeners. */
  async joined(count: number): Promise<void> {
    await expect.poll(() => this.#count, { interval: 5 }).toBe(count);
  }

  #counted(unfollow: Unfollow): Unfollow {
    let isListening = true;
    this.#count += 1;
    return () => {
      unfollow();
      if (isListening) this.#count -= 1;
      isListening = false;
    };
  }
}

/** By default, jobs make progress only when a test tells the sandbox to. */
async function start(options: GatewayOptions = {}): Promise<void> {
  listeners = new Listeners();
  gateway = await startGateway({
    ...options,
    env: { KEEP_RESULTS: 'false', ...options.env },
    sandbox: { queueMs: 3_600_000, ...options.sandbox },
    overrides: { bus: listeners.bus, ...options.overrides },
  });
}

/** A socket without client library: the test speaks the protocol itself. */
async function rawSocket(): Promise<WebSocket> {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init' }));
  await once(socket, 'message');
  return socket;
}

function subscribe(socket: WebSocket, query: string, variables: object): void {
  socket.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query, variables } }));
}

const VERSIONS = 'subscription ($id: ID!) { jobUpdated(id: $id) { version } }';

describe('A client that stops reading', () => {
  it('costs bounded memory and nobody else anything, and gets the newest state when it reads again', async () => {
    await start();
    const path = `https://example.com/${'long/'.repeat(800)}`;
    const images = upTo(20).map((n) => ({ path: `${path}${n}.jpg`, opts: '1,2:3,4:5,6:7,8' }));
    const submitted = await submit(gateway.url, oneFace({ sourceImage: images, targetImage: images }));
    const { id } = submitted;
    const job = listeners.latest(id);
    const changes = 1500;
    const last = job.version + changes;

    const slow = await rawSocket();
    const heard: number[] = [];
    const caughtUp = new Promise<void>((resolve) => {
      slow.on('message', (data) => {
        const { payload } = JSON.parse(String(data)) as { payload?: { data: { jobUpdated: SeenJob } } };
        const version = payload?.data.jobUpdated.version ?? 0;
        heard.push(version);
        if (version === last) resolve();
      });
    });
    slow.pause();
    subscribe(
      slow,
      `subscription ($id: ID!) { jobUpdated(id: $id) {
        version ... on FaceSwapJob { sourceImage { path } targetImage { path } }
      } }`,
      { id },
    );
    await listeners.joined(1);
    const socket = openSocket(gateway.url);
    const quick = run<{ jobUpdated: { version: number } }, { id: string }>(socket, VERSIONS, { id });
    expect((await quick.next()).value?.data?.jobUpdated.version).toBe(job.version);

    const before = process.memoryUsage().external;
    for (const n of upTo(changes)) {
      listeners.bus.publish({ ...job, version: job.version + n });
      expect((await quick.next()).value?.data?.jobUpdated.version).toBe(job.version + n);
    }
    const grownMb = (process.memoryUsage().external - before) / 2 ** 20;
    // All updates would be 240 MB; the sockets' own buffers take a few.
    expect(grownMb).toBeLessThan(60);

    slow.resume();
    await caughtUp;
    expect(heard.length).toBeLessThan(changes / 3);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
    slow.terminate();
    await socket.dispose();
    await listeners.gone();
  });
});

describe('Nothing is left behind', () => {
  it('when a job ends', async () => {
    await start({ sandbox: { queueMs: 5, processMs: 5 } });
    const { id } = await submit(gateway.url);
    await follow(gateway.url, id);
    await listeners.gone();
    expect(gateway.sandbox.jobs).toHaveLength(1);
  });

  it('when a client completes, closes or vanishes', async () => {
    await start();
    const { id } = await submit(gateway.url);
    await listeners.gone();
    const socket = openSocket(gateway.url);
    const [one, all] = [run(socket, JOB_UPDATED, { id }), run(socket, JOBS_UPDATED)];
    await one.next();
    await listeners.joined(2);
    await one.return?.();
    await listeners.joined(1);
    await all.return?.();
    await listeners.gone();
    await socket.dispose();

    for (const leave of ['close', 'terminate'] as const) {
      const raw = await rawSocket();
      subscribe(raw, VERSIONS, { id });
      await listeners.joined(1);
      raw[leave]();
      await listeners.gone();
    }
  });

  it('when a client is gone before its first event', async () => {
    let isHeld = false;
    let arrive: () => void = () => {};
    let release: () => void = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await start({
      overrides: {
        wrapStore: (store) =>
          withMethods(store, {
            get: async (id) => {
              if (isHeld) {
                arrive();
                await released;
              }
              return store.get(id);
            },
          }),
      },
    });
    const { id } = await submit(gateway.url);
    const raw = await rawSocket();
    isHeld = true;
    subscribe(raw, VERSIONS, { id });
    await arrived;
    raw.terminate();
    isHeld = false;
    await expect.poll(() => openSockets()).toBe(0);
    release();
    await listeners.gone();
  });

  it('when a subscription is refused', async () => {
    await start();
    const socket = openSocket(gateway.url);
    const { value } = await run(socket, JOB_UPDATED, { id: 'nobody' }).next();
    expect(value?.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    await listeners.gone();
    await socket.dispose();
  });

  async function openSockets(): Promise<number> {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    return Number(/^faceswap_sockets_open (\d+)/m.exec(metrics)?.[1]);
  }
});

describe('Resuming', () => {
  it('gives only what is newer than the version the client has', async () => {
    await start();
    const { id, version, providerId } = await submit(gateway.url);
    gateway.sandbox.advance(providerId ?? '');
    gateway.sandbox.advance(providerId ?? '');
    const whole = await follow(gateway.url, id, 0);
    const last = await lookUp(gateway.url, id);
    expect(last.status).toBe('COMPLETED');
    expect(whole.at(-1)).toEqual(last);
    const seen = await follow(gateway.url, id, last.version - 1);
    expect(seen).toEqual([last]);
    expect(await follow(gateway.url, id, last.version)).toEqual([]);
    expect(await follow(gateway.url, id, last.version + 100)).toEqual([]);
    expect(last.version).toBe(version + 2);
  });

  it('waits for what is newer while the job goes on', async () => {
    await start();
    const { id, version, providerId } = await submit(gateway.url);
    const following = follow(gateway.url, id, version);
    await listeners.joined(1);
    gateway.sandbox.finish(providerId ?? '');
    const seen = await following;
    expect(seen.map((job) => job.version)).toEqual([version + 1]);
    expectWholeLife(seen, await lookUp(gateway.url, id));
  });
});

describe('jobsUpdated', () => {
  it('tells every change of every job from then on', async () => {
    await start({
      env: { AKOOL_MAX_CONCURRENCY: '10' },
      sandbox: { maxConcurrency: 10, queueMs: 5, processMs: 5 },
    });
    const socket = openSocket(gateway.url);
    const changes = run(socket, JOBS_UPDATED);
    const first = changes.next();
    await listeners.joined(1);
    const jobs = await Promise.all(upTo(10).map(() => submit(gateway.url)));

    const seen = new Map<string, SeenJob[]>(jobs.map(({ id }) => [id, []]));
    const open = new Set(seen.keys());
    for (let next = await first; open.size > 0; next = await changes.next()) {
      const job: SeenJob | undefined = next.value?.data?.jobsUpdated;
      if (job === undefined) throw new Error('It ended early');
      seen.get(job.id)?.push(job);
      if (job.status === 'COMPLETED') open.delete(job.id);
      if (open.size === 0) break;
    }
    for (const [id, life] of seen) {
      expect(life[0]?.version).toBe(1);
      expectWholeLife(life, await lookUp(gateway.url, id));
    }
    await changes.return?.();
    await socket.dispose();
  });
});

describe('Over a socket', () => {
  it('queries and mutations work as well', async () => {
    await start();
    const socket = openSocket(gateway.url, { lazy: false });
    const { value: submitted } = await run(socket, SUBMIT, { input: oneFace() }).next();
    const job = submitted?.data?.submitFaceSwap.job;
    expect(job).toMatchObject({ status: 'QUEUED' });
    const { value: found } = await run(socket, JOB, { id: job?.id ?? '' }).next();
    expect(found?.data?.job).toEqual(job);
    const { value: refused } = await run(socket, SUBMIT, { input: oneFace({ sourceImage: [] }) }).next();
    expect(refused?.errors?.[0]?.extensions?.fieldErrors).toMatchObject([{ code: 'TOO_FEW_IMAGES' }]);
    const { value: gone } = await run(socket, CANCEL, { id: job?.id ?? '' }).next();
    expect(gone?.errors?.[0]?.extensions?.code).toBe('CONFLICT');
    await socket.dispose();
  });

  it('following a job that is not there is NOT_FOUND, and the socket lives on', async () => {
    await start();
    const socket = openSocket(gateway.url, { lazy: false });
    let closes = 0;
    socket.on('closed', () => {
      closes += 1;
    });
    for (const id of ['nobody', '', '../..']) {
      expect(await failure(run(socket, JOB_UPDATED, { id }))).toMatchObject({
        extensions: { code: 'NOT_FOUND' },
      });
    }
    const { value } = await run<{ __typename: string }, never>(socket, '{ __typename }').next();
    expect(value?.data).toEqual({ __typename: 'Query' });
    expect(closes).toBe(0);
    await socket.dispose();
  });

  it('a query that is none is refused with a code, and the socket lives on', async () => {
    await start();
    const socket = openSocket(gateway.url, { lazy: false });
    expect(await failure(run(socket, '{ nothing }'))).toMatchObject({
      message: expect.stringContaining('nothing'),
    });
    const { value } = await run<{ __typename: string }, never>(socket, '{ __typename }').next();
    expect(value?.data).toEqual({ __typename: 'Query' });
    await socket.dispose();
  });

  it('what is unexpected is masked and has a reference, for queries and subscriptions', async () => {
    let isBroken = false;
    await start({
      overrides: {
        wrapStore: (store) =>
          withMethods(store, {
            get: (id) => (isBroken ? Promise.reject(new Error('s3cret path /var/db')) : store.get(id)),
          }),
      },
    });
    const { id } = await submit(gateway.url);
    const socket = openSocket(gateway.url, { lazy: false });
    isBroken = true;
    for (const operation of [JOB, JOB_UPDATED]) {
      const error = await failure(run<unknown, { id: string }>(socket, operation, { id }));
      expect(error).toMatchObject({
        extensions: { code: 'INTERNAL_SERVER_ERROR', reference: expect.stringMatching(/^[\w-]{36}$/) },
      });
      expect(JSON.stringify(error)).not.toContain('s3cret');
    }
    isBroken = false;
    expect((await run(socket, JOB, { id }).next()).value?.data?.job?.id).toBe(id);
    await socket.dispose();
    await listeners.gone();
  });

  it('what fails in the middle of a subscription is masked too, and the socket lives on', async () => {
    let isBroken = false;
    await start({
      overrides: {
        wrapStore: (store) =>
          withMethods(store, {
            get: (id) => (isBroken ? Promise.reject(new Error('s3cret path /var/db')) : store.get(id)),
          }),
      },
    });
    const { id, version } = await submit(gateway.url);
    const socket = openSocket(gateway.url, { lazy: false });
    const following = run(socket, JOB_UPDATED, { id });
    await following.next();
    isBroken = true;
    // A signal without the job itself, as a bus between processes sends it.
    listeners.hint({ id, version: version + 1, job: null, isReminder: false });
    const error = await failure(following);
    expect(error).toMatchObject({ extensions: { code: 'INTERNAL_SERVER_ERROR' } });
    expect(JSON.stringify(error)).not.toContain('s3cret');
    isBroken = false;
    expect((await run(socket, JOB, { id }).next()).value?.data?.job?.id).toBe(id);
    await socket.dispose();
    await listeners.gone();
  });
});

/** The error of an operation, in whichever of the protocol's two forms. */
async function failure(
  answers: AsyncIterableIterator<{ errors?: readonly ClientError[] }>,
): Promise<unknown> {
  try {
    const { value } = await answers.next();
    return value?.errors?.[0];
  } catch (error) {
    return Array.isArray(error) ? error[0] : error;
  }
}
