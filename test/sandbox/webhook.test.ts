import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultAt, FaultPlan } from '../../src/sandbox/fault-plan.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { freePort } from '../support/free-port.js';
import { call, idOf, Listener, PRO, pro, proBody, startSandbox } from '../support/sandbox-customer.js';

let sandbox: Sandbox;
let listener: Listener;
beforeEach(async () => {
  sandbox = await startSandbox();
  listener = await Listener.start(sandbox);
});
afterEach(async () => {
  await sandbox.stop();
  await listener.stop();
});

const submit = async () => idOf(await pro(sandbox, { webhookUrl: listener.url }));
const always = (fault: FaultAt<'webhook'>, ms = 5): FaultPlan => ({
  rates: { webhook: { [fault]: 1 } },
  defaults: { ms },
});

describe('a webhook', () => {
  it('tells of processing and of the end, sealed and signed', async () => {
    const id = await submit();
    await sandbox.settled();
    expect(listener.heard.map(({ payload }) => payload)).toEqual([
      { _id: id, status: 2, type: 'faceswap', url: '' },
      { _id: id, status: 3, type: 'faceswap', url: `${sandbox.url}/results/${id}.png` },
    ]);
    for (const { signed, body } of listener.heard) {
      expect(signed).toBe(true);
      expect(typeof body.timestamp).toBe('number');
      expect(body.nonce).toMatch(/^\d{4}$/);
    }
  });

  it('is sent again, unchanged, until the answer is 200 exactly', async () => {
    listener.answer = (nth) => [500, 204, 404, 302][nth - 1] ?? 200;
    await submit();
    await sandbox.settled();
    const processing = listener.heard.filter(({ payload }) => payload?.status === 2);
    expect(new Set(processing.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(listener.heard).toHaveLength(6);
    expect(sandbox.deliveries.filter(({ answer }) => answer === 200)).toHaveLength(2);
  });

  it('is given up after 12 tries', async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ webhookRetryMs: 0 });
    listener.answer = () => 503;
    await submit();
    await sandbox.settled();
    expect(listener.heard).toHaveLength(24);
  });

  it('survives that nobody listens, and comes when somebody does', async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ webhookRetryMs: 20 });
    await listener.stop();
    const port = await freePort();
    idOf(await pro(sandbox, { webhookUrl: `http://127.0.0.1:${port}/hook` }));
    await expect.poll(() => sandbox.deliveries.length).toBeGreaterThanOrEqual(2);
    expect(sandbox.deliveries[0]).toMatchObject({ status: 2, answer: null });
    listener = await Listener.start(sandbox, port);
    await sandbox.settled();
    expect(listener.statuses.toSorted()).toEqual([2, 3]);
  });

  it('does not come for a job that was deleted or reset meanwhile', async () => {
    const gate = sandbox.hold('webhook');
    await submit();
    await gate.arrived;
    sandbox.reset();
    gate.release();
    await submit();
    await sandbox.settled();
    expect(listener.heard).toHaveLength(2);
  });

  it('that is owed when the sandbox stops is sent at its next start', async () => {
    const gate = sandbox.hold('webhook');
    const id = await submit();
    sandbox.finish(id, 4);
    await gate.arrived;
    await sandbox.stop();
    await sandbox.start();
    await sandbox.settled();
    // On a busy machine, processing may begin before the job is finished, and is then reported first.
    const ends = listener.heard.map(({ payload }) => payload).filter((payload) => payload?.status !== 2);
    expect(ends).toEqual([{ _id: id, status: 4, type: 'faceswap', url: '' }]);
  });
});

describe('a fault of webhooks', () => {
  it('drops them', async () => {
    sandbox.setFaults(always('drop'));
    await submit();
    await sandbox.settled();
    expect(listener.heard).toEqual([]);
    expect(sandbox.deliveries).toMatchObject([
      { status: 2, fault: 'drop' },
      { status: 3, fault: 'drop' },
    ]);
  });

  it('doubles them', async () => {
    sandbox.setFaults(always('double'));
    await submit();
    await sandbox.settled();
    expect(listener.statuses.toSorted()).toEqual([2, 2, 3, 3]);
  });

  it('reorders them: processing after the end, and once more', async () => {
    sandbox.setFaults(always('reorder'));
    await submit();
    await sandbox.settled();
    expect(listener.statuses).toEqual([3, 2, 2]);
    const [end, old] = listener.heard;
    expect(old?.body.timestamp).toBeLessThanOrEqual(end?.body.timestamp ?? 0);
  });

  it('makes one of them late', async () => {
    sandbox.setFaults({ script: [{ on: 'webhook', nth: 1, fault: 'late', ms: 300 }] });
    await submit();
    await sandbox.settled();
    expect(listener.statuses).toEqual([3, 2]);
  });

  it('forges them: wrongly signed lies first, the truth as a retry', async () => {
    sandbox.setFaults(always('forged'));
    listener.answer = (nth) => (listener.heard[nth - 1]?.signed ? 200 : 400);
    await submit();
    await sandbox.settled();
    const lies = listener.heard.filter(({ signed }) => !signed);
    expect(lies.map(({ payload }) => payload?.status).toSorted()).toEqual([3, 4]);
    expect(listener.heard.filter(({ signed }) => signed).map(({ payload }) => payload?.status)).toEqual([
      2, 3,
    ]);
  });

  it('makes them unreadable though well signed', async () => {
    sandbox.setFaults(always('unreadable'));
    await submit();
    await sandbox.settled();
    expect(listener.heard).toMatchObject([
      { signed: true, payload: undefined },
      { signed: true, payload: undefined },
    ]);
  });

  it('speaks of another job', async () => {
    sandbox.setFaults(always('wrong-id'));
    const id = await submit();
    await sandbox.settled();
    expect(listener.heard).toHaveLength(2);
    for (const { signed, payload } of listener.heard) {
      expect(signed).toBe(true);
      expect(payload?._id).toMatch(/^[0-9a-f]{24}$/);
      expect(payload?._id).not.toBe(id);
    }
  });

  it('can be asked for in the URL of a picture, for that job alone', async () => {
    idOf(await call(sandbox, PRO, proBody({ webhookUrl: listener.url }, '?sandbox-fault=drop')));
    await sandbox.settled();
    expect(listener.heard).toEqual([]);
    await submit();
    await sandbox.settled();
    expect(listener.heard).toHaveLength(2);
  });
});
