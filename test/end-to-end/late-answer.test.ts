/** A paused gateway, and a slow Akool: answers that arrive late are never discarded. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { follow, lookUp, oneFace, submit } from '../support/caller.js';
import { build, cleanUp, startProcess } from '../support/gateway-process.js';
import { startGateway } from '../support/harness.js';

vi.setConfig({ testTimeout: 60_000 });

const TIMEOUT_MS = 1500;
let sandbox: Sandbox;
let dir: string;

beforeAll(build, 60_000);
afterEach(async () => {
  await cleanUp();
  await sandbox?.stop();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

/** A separate gateway process that polls, because it receives no callbacks. */
async function pollingGateway() {
  sandbox = createSandbox({ queueMs: 0, processMs: 0 });
  await sandbox.start();
  dir = mkdtempSync(join(tmpdir(), 'late-'));
  return startProcess(dir, {
    AKOOL_API_KEY: sandbox.apiKey,
    AKOOL_BASE_URL: sandbox.url,
    AKOOL_TIMEOUT_MS: String(TIMEOUT_MS),
    POLL_AFTER_MS: '100',
    KEEP_RESULTS: 'false',
  });
}

it('An answer that comes while the gateway is paused for longer than its time-out is read, and the job goes on', async () => {
  const { url, child } = await pollingGateway();
  const gate = sandbox.hold('accepted');
  const submitting = submit(url);
  await gate.arrived;
  child.kill('SIGSTOP');
  gate.release();
  await sleep(TIMEOUT_MS + 500);
  child.kill('SIGCONT');
  const job = await submitting;
  expect(job).toMatchObject({ status: 'QUEUED', providerId: sandbox.jobs[0]?.id });
  const end = (await follow(url, job.id)).at(-1);
  expect(end).toMatchObject({ status: 'COMPLETED' });
  expect(end?.history.map(({ status }) => status)).not.toContain('UNCONFIRMED');
  expect(sandbox.bills).toHaveLength(1);
});

it('An `_id` that comes after the time-out binds the job, also without callbacks', async () => {
  const gateway = await startGateway({
    env: { AKOOL_TIMEOUT_MS: String(TIMEOUT_MS), POLL_AFTER_MS: '50', KEEP_RESULTS: 'false' },
    sandbox: { faults: { rates: { webhook: { drop: 1 } } } },
  });
  try {
    const gate = gateway.sandbox.hold('accepted');
    const job = await submit(gateway.url);
    expect(job.status).toBe('UNCONFIRMED');
    const following = follow(gateway.url, job.id);
    gate.release();
    const end = (await following).at(-1);
    expect(end).toMatchObject({ status: 'COMPLETED', providerId: gateway.sandbox.jobs[0]?.id });
    expect(end?.history.map(({ status, source }) => `${status} ${source}`).slice(2, 4)).toEqual([
      'UNCONFIRMED GATEWAY',
      'QUEUED SUBMIT',
    ]);
    expect(gateway.sandbox.bills).toHaveLength(1);
  } finally {
    await gateway.stop();
  }
});

it('A refusal that comes after the time-out ends the job with its reason', async () => {
  const gateway = await startGateway({ env: { AKOOL_TIMEOUT_MS: String(TIMEOUT_MS) } });
  try {
    const refused = oneFace({}, '?sandbox-fault=latency,refuse&sandbox-ms=3000&sandbox-code=1003');
    const job = await submit(gateway.url, refused);
    expect(job.status).toBe('UNCONFIRMED');
    await follow(gateway.url, job.id);
    expect(await lookUp(gateway.url, job.id)).toMatchObject({
      status: 'FAILED',
      error: { code: 'INVALID_PARAMETERS' },
    });
    expect(gateway.sandbox.bills).toEqual([]);
  } finally {
    await gateway.stop();
  }
});

it('A gateway that stops does not wait for an answer that is late', async () => {
  const gateway = await startGateway({
    env: { AKOOL_TIMEOUT_MS: String(TIMEOUT_MS) },
    sandbox: { faults: { rates: { webhook: { drop: 1 } } } },
  });
  gateway.sandbox.hold('accepted');
  expect((await submit(gateway.url)).status).toBe('UNCONFIRMED');
  const begun = performance.now();
  await gateway.stop();
  expect(performance.now() - begun).toBeLessThan(20_000);
});
