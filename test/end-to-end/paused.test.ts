/** A gateway that serves requests but sends nothing, as for a restored backup. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { seal } from '../../src/sandbox/envelope.js';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { ask, dataOf, follow, lookUp, oneFace, submit } from '../support/caller.js';
import { freePort } from '../support/free-port.js';
import { recordedLog, startGateway, type TestGateway } from '../support/harness.js';
import { CANCEL } from '../support/operations.js';

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const HOUR = 3_600_000;
const PAUSED = { DISPATCH: 'paused' };

async function reasonOf({ url }: TestGateway): Promise<string | null> {
  const query = '{ account { waitingReason } }';
  const { account } = await dataOf(ask<{ account: { waitingReason: string | null } }, unknown>(url, query));
  return account.waitingReason;
}

it('DISPATCH=paused takes, keeps and cancels jobs, and sends none until it is started without', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  const { log, lines } = recordedLog();
  const paused = await startGateway({ dir, env: PAUSED, overrides: { log } });
  ends.push(() => paused.stop());
  const [kept, canceled] = [await submit(paused.url), await submit(paused.url)];
  expect(kept).toMatchObject({ status: 'WAITING', waitingReason: 'PAUSED' });
  expect(await reasonOf(paused)).toBe('PAUSED');
  expect(await (await fetch(`${paused.url}/metrics`)).text()).toContain(
    'faceswap_dispatch_held{reason="PAUSED"} 1',
  );
  expect(lines).toContainEqual(
    expect.objectContaining({ msg: expect.stringContaining('DISPATCH is paused') }),
  );
  await dataOf(ask(paused.url, CANCEL, { id: canceled.id }));
  expect(paused.sandbox.requests.pro).toBe(0);
  expect(await lookUp(paused.url, kept.id)).toMatchObject({ status: 'WAITING', waitingReason: 'PAUSED' });
  await paused.stop();

  const going = await startGateway({ dir });
  ends.push(() => going.stop());
  expect((await follow(going.url, kept.id)).at(-1)?.status).toBe('COMPLETED');
  expect(going.sandbox.bills).toHaveLength(1);
  expect(await reasonOf(going)).toBeNull();
});

describe('A restored backup shows a job as never sent that Akool has', () => {
  /** A gateway whose database predates sending the job, and which sends nothing. */
  async function restored() {
    const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    const akool = createSandbox({ queueMs: HOUR, processMs: HOUR });
    await akool.start();
    ends.push(() => akool.stop());
    const port = await freePort();
    const env = {
      AKOOL_BASE_URL: akool.url,
      AKOOL_API_KEY: akool.apiKey,
      AKOOL_CLIENT_ID: akool.clientId,
      KEEP_RESULTS: 'false',
      PORT: String(port),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
    };
    const before = await startRemote(dir, { ...env, ...PAUSED });
    const { id } = await submit(before.url);
    await before.stop();
    const [file, backup] = [join(dir, 'gateway.db'), join(dir, 'backup.db')];
    copyFileSync(file, backup);
    const sending = await startRemote(dir, env);
    await expect.poll(() => akool.jobs).toHaveLength(1);
    await sending.stop();
    copyFileSync(backup, file);
    const gateway = await startRemote(dir, { ...env, ...PAUSED });
    expect(await lookUp(gateway.url, id)).toMatchObject({ status: 'WAITING', providerId: null });
    const [theirs] = akool.jobs;
    if (theirs === undefined) throw new Error('Akool has no job');
    const { apiKey: clientSecret, clientId } = akool;
    const post = async (status: 2 | 3, _id: string, forged: { clientId?: string } = {}): Promise<number> => {
      const payload = { _id, status, type: 'faceswap', url: `${akool.url}/results/${_id}.png` };
      const sealing = { clientId, clientSecret, timestamp: Date.now(), nonce: '1', ...forged };
      const body = JSON.stringify(seal(payload, sealing));
      const headers = { 'content-type': 'application/json' };
      return (await fetch(theirs.webhookUrl, { method: 'POST', headers, body })).status;
    };
    const resume = async () => {
      await gateway.stop();
      return startRemote(dir, env);
    };
    return { akool, gateway, id, theirs, post, resume };
  }

  it('until its callback comes, which ends it; and nothing is sent twice', async () => {
    const { akool, gateway, id, theirs, resume } = await restored();
    akool.finish(theirs.id);
    const end = (await follow(gateway.url, id)).at(-1);
    expect(end).toMatchObject({ status: 'COMPLETED', providerId: theirs.id });
    const going = await resume();
    const next = await submit(going.url, oneFace({}, '?next'));
    expect(next.status).toBe('QUEUED');
    expect(akool.bills).toHaveLength(2);
    expect(await lookUp(going.url, id)).toEqual(end);
  });

  it('and takes the word of the first callback at its own address, not of a second or a forged one', async () => {
    const { akool, gateway, id, theirs, post, resume } = await restored();
    expect(await post(3, theirs.id, { clientId: 'another-client-id-00000' })).toBe(400);
    expect((await lookUp(gateway.url, id)).status).toBe('WAITING');
    expect(await post(2, theirs.id)).toBe(200);
    expect(await post(3, '0123456789abcdef01234567')).toBe(400);
    const going = await resume();
    const next = await submit(going.url, oneFace({}, '?next'));
    expect(next.status).toBe('QUEUED');
    expect(await lookUp(going.url, id)).toMatchObject({ status: 'PROCESSING', providerId: theirs.id });
    expect(akool.bills).toHaveLength(2);
    expect(await post(3, theirs.id)).toBe(200);
    expect((await follow(going.url, id)).at(-1)?.status).toBe('COMPLETED');
  });
});

it.each(['POLL', 'WEBHOOK'] as const)('%s still ends a job while DISPATCH is paused', async (source) => {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  // It outlives the gateways, as Akool does.
  const akool = createSandbox({ queueMs: 60_000, processMs: 60_000, maxConcurrency: 10 });
  await akool.start();
  ends.push(() => akool.stop());
  const port = await freePort();
  const env = {
    AKOOL_BASE_URL: akool.url,
    AKOOL_API_KEY: akool.apiKey,
    AKOOL_CLIENT_ID: akool.clientId,
    KEEP_RESULTS: 'false',
    ...(source === 'POLL'
      ? { POLL_AFTER_MS: '50' }
      : { POLL_AFTER_MS: '3600000', PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` }),
  };
  const before = await startRemote(dir, env);
  const job = await submit(before.url, oneFace());
  expect(job.status).toBe('QUEUED');
  await before.stop();
  const paused = await startRemote(dir, { ...env, ...PAUSED });
  akool.finish(job.providerId ?? '');
  const end = (await follow(paused.url, job.id)).at(-1);
  expect(end?.status).toBe('COMPLETED');
  expect(end?.history.at(-1)?.source).toBe(source);
});

async function startRemote(dir: string, env: Record<string, string>) {
  const { config, secrets } = readConfig({
    PORT: '0',
    DATABASE_URL: `sqlite:${join(dir, 'gateway.db')}`,
    ARCHIVE_DIR: join(dir, 'archive'),
    DRAIN_MS: '2000',
    ...env,
  });
  const app = createApp(config, secrets, { log: recordedLog().log });
  ends.push(() => app.stop());
  const { url } = await app.start();
  return { url, stop: () => app.stop() };
}
