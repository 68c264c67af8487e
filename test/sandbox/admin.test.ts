import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { mistakesInAnswer } from '../support/akool-schema.js';
import { CREDIT, call, idOf, pro, RESULTS, startSandbox, TOKEN } from '../support/sandbox-customer.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ queueMs: 3_600_000, credit: 40 });
});
afterEach(() => sandbox.stop());

const admin = async (method: string, path: string, body?: unknown) => {
  const response = await fetch(`${sandbox.url}/sandbox/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

describe('the admin endpoints', () => {
  it('show everything', async () => {
    const id = idOf(await pro(sandbox));
    expect((await admin('GET', 'state')).body).toMatchObject({
      credit: 36,
      concurrency: 1,
      peakConcurrency: 1,
      maxConcurrency: 100,
      requests: { pro: 1, plus: 0 },
      faults: {},
      jobs: [{ id, status: 1, kind: 'pro' }],
      bills: [{ providerId: id, cost: 4, kind: 'pro' }],
      deliveries: [],
    });
  });

  it('set the faults, and say what is wrong with a plan', async () => {
    const plan = { script: [{ on: 'submit', nth: 1, fault: 'no-credit' }] };
    expect(await admin('PUT', 'faults', plan)).toEqual({ status: 200, body: plan });
    expect((await admin('GET', 'faults')).body).toEqual(plan);
    expect((await pro(sandbox)).body.code).toBe(1006);
    const wrong = await admin('PUT', 'faults', { script: [{ on: 'submit', fault: 'rain' }] });
    expect(wrong.status).toBe(400);
    expect(wrong.body['mistakes']).toEqual([
      expect.stringContaining('script.0.fault must be one of latency'),
    ]);
  });

  it('end a job either way, once', async () => {
    const id = idOf(await pro(sandbox));
    expect((await admin('POST', `jobs/${id}/finish`, { status: 2 })).status).toBe(400);
    expect(await admin('POST', `jobs/${id}/finish`, { status: 4 })).toMatchObject({
      status: 200,
      body: { status: 4 },
    });
    expect((await admin('POST', `jobs/${id}/finish`)).status).toBe(409);
    expect((await admin('POST', 'jobs/none/finish')).status).toBe(404);
    const other = idOf(await pro(sandbox));
    expect((await admin('POST', `jobs/${other}/finish`)).body).toMatchObject({ status: 3 });
  });

  it('set the credit', async () => {
    expect((await admin('POST', 'credit', { credit: 0 })).body).toEqual({ credit: 0 });
    expect((await pro(sandbox)).body.code).toBe(1006);
    expect((await admin('POST', 'credit', { credit: -1 })).status).toBe(400);
    expect((await admin('POST', 'credit')).status).toBe(400);
  });

  it('expire tokens', async () => {
    const { clientId, apiKey: clientSecret } = sandbox;
    const { body } = await call(sandbox, TOKEN, { clientId, clientSecret }, {});
    const authorization = `Bearer ${body['token']}`;
    expect((await call(sandbox, CREDIT, undefined, { authorization })).body.code).toBe(1000);
    await admin('POST', 'expire-tokens');
    expect((await call(sandbox, CREDIT, undefined, { authorization })).body.code).toBe(1101);
  });

  it('reset everything to how it was at the start', async () => {
    idOf(await pro(sandbox));
    sandbox.setFaults({ rates: { submit: { stall: 1 } } });
    await admin('POST', 'reset');
    expect((await admin('GET', 'state')).body).toMatchObject({
      credit: 40,
      concurrency: 0,
      peakConcurrency: 0,
      requests: { pro: 0 },
      faults: {},
      jobs: [],
      bills: [],
    });
  });
});

describe('the validators of these tests', () => {
  it('do find mistakes', () => {
    expect(mistakesInAnswer(RESULTS, 'get', 200, { code: 1000 })).toHaveLength(1);
    const result = [{ faceswap_status: 5, createdAt: 'yesterday' }];
    expect(mistakesInAnswer(RESULTS, 'get', 200, { code: 1000, msg: '', data: { result } })).toHaveLength(2);
    expect(mistakesInAnswer('/nowhere', 'get', 200, {})).toHaveLength(1);
  });
});
