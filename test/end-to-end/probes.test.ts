/** Probes and metrics: whether the gateway is alive, whether it can serve, and what it does. */
import { afterEach, expect, it } from 'vitest';
import { createInProcessJobBus } from '../../src/services/bus/in-process-job-bus.js';
import { follow, openSocket, run, submit } from '../support/caller.js';
import { Gate } from '../support/gate.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';

let gateway: TestGateway;

afterEach(async () => {
  await gateway.stop();
});

it('is alive and able to serve', async () => {
  gateway = await startGateway();
  for (const path of ['/healthz', '/readyz']) {
    const answer = await fetch(gateway.url + path);
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }]);
  }
});

it('is alive but not able to serve while the store fails, and able again after', async () => {
  let isBroken = true;
  const ping = async (): Promise<void> => {
    if (isBroken) throw new Error('connection to s3cret-host refused');
  };
  gateway = await startGateway({ overrides: { wrapStore: (store) => withMethods(store, { ping }) } });
  expect(await get('/readyz')).toEqual([503, '{"status":"unavailable"}']);
  expect((await get('/healthz'))[0]).toBe(200);
  expect((await get('/metrics'))[1]).toMatch(/^faceswap_database_up 0$/m);
  isBroken = false;
  expect(await get('/readyz')).toEqual([200, '{"status":"ok"}']);
  expect((await get('/metrics'))[1]).toMatch(/^faceswap_database_up 1$/m);
});

it('stays able to serve while the store is too busy to answer at once', async () => {
  const gate = new Gate();
  let isBusy = false;
  gateway = await startGateway({
    overrides: {
      wrapStore: (store) =>
        withMethods(store, {
          ping: async () => {
            if (isBusy) await gate.pass();
            await store.ping();
          },
        }),
    },
  });
  expect(await get('/readyz')).toEqual([200, '{"status":"ok"}']);
  isBusy = true;
  expect(await get('/readyz')).toEqual([200, '{"status":"ok"}']);
  gate.open();
});

it('is able to serve while the bus is down, and says that it is degraded', async () => {
  let isBroken = true;
  const health = () =>
    isBroken
      ? ({ isUp: false, reason: 'connection to s3cret-host refused' } as const)
      : ({ isUp: true } as const);
  gateway = await startGateway({ overrides: { bus: withMethods(createInProcessJobBus(), { health }) } });
  expect(await get('/readyz')).toEqual([200, '{"status":"degraded"}']);
  expect((await get('/metrics'))[1]).toMatch(/^faceswap_bus_up 0$/m);
  isBroken = false;
  expect(await get('/readyz')).toEqual([200, '{"status":"ok"}']);
  expect((await get('/metrics'))[1]).toMatch(/^faceswap_bus_up 1$/m);
});

it.each(['refuses', 'never answers'])(
  'gives the figures that it has within 2 s while the store %s',
  async (how) => {
    const refusal = new Error('connection refused');
    let release = (): void => {};
    const silence = new Promise<never>((_resolve, reject) => {
      release = () => reject(refusal);
    });
    silence.catch(() => {});
    const fails = () => (how === 'refuses' ? Promise.reject(refusal) : silence);
    gateway = await startGateway({
      overrides: {
        wrapStore: (store) => withMethods(store, { ping: fails, slots: fails, expiringResults: fails }),
      },
    });
    const askedAt = performance.now();
    const [status, text] = await get('/metrics');
    expect(performance.now() - askedAt).toBeLessThan(10_000);
    expect(status).toBe(200);
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(text).toMatch(/^faceswap_sockets_open 0$/m);
    expect(text).toMatch(/^faceswap_database_up 0$/m);
    expect(text).not.toMatch(/^faceswap_(jobs_open|results_expiring)/m);
    expect(await get('/readyz')).toEqual([503, '{"status":"unavailable"}']);
    release();
  },
);

it('tells its figures only to whoever has METRICS_TOKEN, where it is set', async () => {
  gateway = await startGateway({ env: { METRICS_TOKEN: 'a-token-for-metrics' } });
  for (const authorization of [
    '',
    'a-token-for-metrics',
    'Bearer a-token-for-metric',
    'Bearer a-token-for-metrics2',
    'Bearer wrong',
  ]) {
    const [status, text] = await get('/metrics', { authorization });
    expect([authorization, status, text]).toEqual([authorization, 401, '{"status":"unauthorized"}']);
  }
  const [status, text] = await get('/metrics', { authorization: 'Bearer a-token-for-metrics' });
  expect(status).toBe(200);
  expect(text).toContain('faceswap_database_up 1');
  expect((await get('/readyz'))[0]).toBe(200);
});

async function get(
  path: string,
  headers: Record<string, string> = {},
): Promise<[status: number, body: string]> {
  const answer = await fetch(gateway.url + path, { headers });
  return [answer.status, await answer.text()];
}

it('counts jobs and sockets', async () => {
  gateway = await startGateway();
  const { id } = await submit(gateway.url);
  await follow(gateway.url, id);
  const socket = openSocket(gateway.url, { lazy: false });
  await run(socket, '{ __typename }').next();
  const answer = await fetch(`${gateway.url}/metrics`);
  const text = await answer.text();
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  expect(text).toMatch(/^faceswap_jobs_ended_total\{status="COMPLETED",error=""\} 1$/m);
  expect(text).toMatch(/^faceswap_job_seconds_count\{status="COMPLETED"\} 1$/m);
  expect(text).toMatch(/^faceswap_jobs_open\{state="slot"\} 0$/m);
  expect(text).toMatch(/^faceswap_sockets_open [1-9]/m);
  expect(text).not.toContain(gateway.sandbox.apiKey);
  await socket.dispose();
});
