/** What whoever is on call asks: is it alive, can it serve, what does it do. */
import { afterEach, expect, it } from 'vitest';
import { createInProcessJobBus } from '../../src/services/bus/in-process-job-bus.js';
import { startGateway, type TestGateway, withMethods } from '../harness.js';
import { follow, openSocket, run, submit } from './caller.js';

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

it.each(['store', 'bus'])(
  'is alive but not able to serve while the %s fails, and able again after',
  async (part) => {
    let isBroken = true;
    const reason = 'connection to s3cret-host refused';
    const ping = async (): Promise<void> => {
      if (isBroken) throw new Error(reason);
    };
    const health = () => (isBroken ? ({ isUp: false, reason } as const) : ({ isUp: true } as const));
    gateway = await startGateway({
      overrides:
        part === 'store'
          ? { wrapStore: (store) => withMethods(store, { ping }) }
          : { bus: withMethods(createInProcessJobBus(), { health }) },
    });
    const refused = await fetch(`${gateway.url}/readyz`);
    expect(refused.status).toBe(503);
    expect(await refused.text()).not.toContain('s3cret');
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    isBroken = false;
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  },
);

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
