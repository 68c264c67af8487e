/** A PostgreSQL that hangs (it answers nothing and closes nothing): nothing waits for it forever. */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ask, follow, oneFace, openSocket, run, submit } from '../support/caller.js';
import { build, cleanUp, type GatewayProcess, newFolder, startProcess } from '../support/gateway-process.js';
import { CANCEL, JOB, JOBS, SUBMIT } from '../support/operations.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../support/services.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const postgres = await postgresUrl();

describe.skipIf(postgres === null)('while PostgreSQL is silent', { timeout: 120_000 }, () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let gateway: GatewayProcess;

  beforeAll(build, 60_000);
  beforeEach(async () => {
    database = await withDatabase(postgres ?? '');
    proxy = await startProxy(database.url);
    gateway = await startProcess(newFolder(), {
      DATABASE_URL: proxy.url,
      DATABASE_POOL_SIZE: '5',
      SANDBOX_QUEUE_MS: '20',
      SANDBOX_PROCESS_MS: '40',
      DRAIN_MS: '5000',
    });
  });
  afterEach(async () => {
    await proxy.become('on');
    await cleanUp();
    await proxy.stop();
    await database.drop();
  });

  /** The result, and how many milliseconds it took. */
  async function timed<T>(work: Promise<T>): Promise<[value: T, ms: number]> {
    const begun = performance.now();
    return [await work, performance.now() - begun];
  }

  const statusOf = async (path: string) => (await fetch(new URL(path, gateway.url))).status;

  test('requests are refused within 10 s, /readyz says so, /metrics answers, and all goes on afterwards', async () => {
    const url = new URL(gateway.url).origin;
    const { id } = await submit(url);
    await follow(url, id);
    await proxy.become('silent');
    const requests = [
      ...Array.from({ length: 10 }, () => ask(url, JOB, { id })),
      ...Array.from({ length: 10 }, () => ask(url, SUBMIT, { input: oneFace() })),
      ask(url, CANCEL, { id }),
      ask(url, JOBS, { first: 10 }),
    ];
    const refused = Promise.all(requests.map((request) => timed<{ body: unknown }>(request)));
    const ready = timed(statusOf('/readyz'));
    const metrics = timed(statusOf('/metrics'));
    for (const [{ body }, ms] of await refused) {
      expect(body).toMatchObject({ errors: [{ extensions: { code: 'STORE_UNAVAILABLE' } }] });
      expect(ms).toBeLessThan(20_000);
    }
    expect((await ready)[0]).toBe(503);
    expect((await ready)[1]).toBeLessThan(15_000);
    expect((await metrics)[0]).toBe(200);
    expect((await metrics)[1]).toBeLessThan(10_000);

    await proxy.become('on');
    const { id: next } = await vi.waitFor(() => submit(url), { timeout: 30_000, interval: 100 });
    expect((await follow(url, next)).at(-1)?.status).toBe('COMPLETED');
    await expect.poll(() => statusOf('/readyz'), { timeout: 15_000 }).toBe(200);
  });

  test('a follower stays, and is told the end', async () => {
    const url = new URL(gateway.url).origin;
    const socket = openSocket(url);
    // Its callback arrives while the database is silent.
    const job = await submit(url, oneFace({}, '?sandbox-fault=late&sandbox-ms=1000'));
    const document = `subscription { jobUpdated(id: "${job.id}") { status } }`;
    const states = run<{ jobUpdated: { status: string } }, Record<string, never>>(socket, document);
    await states.next();
    await proxy.become('silent');
    await new Promise((resolve) => setTimeout(resolve, 7000));
    await proxy.become('on');
    let last = '';
    for await (const { data, errors } of { [Symbol.asyncIterator]: () => states }) {
      expect(errors).toBeUndefined();
      last = data?.jobUpdated.status ?? '';
    }
    expect(last).toBe('COMPLETED');
    await socket.dispose();
  });

  test('SIGTERM ends the process, as after any stop', async () => {
    const url = new URL(gateway.url).origin;
    await submit(url);
    await proxy.become('silent');
    const inFlight = ask(url, SUBMIT, { input: oneFace() }).catch(() => null);
    await expect.poll(() => statusOf('/readyz')).toBe(503);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended, gateway.stderr()).toBe(0);
    await inFlight;
  });
});
