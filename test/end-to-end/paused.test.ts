/** A gateway that serves and sends nothing: what is started on a restored backup. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { freePort } from '../free-port.js';
import { recordedLog, startGateway, type TestGateway } from '../harness.js';
import { ask, dataOf, follow, lookUp, oneFace, submit } from './caller.js';
import { CANCEL } from './operations.js';

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

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
  // Longer than the dispatcher's own tick.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(paused.sandbox.requests.pro).toBe(0);
  expect(await lookUp(paused.url, kept.id)).toMatchObject({ status: 'WAITING', waitingReason: 'PAUSED' });
  await paused.stop();

  const going = await startGateway({ dir });
  ends.push(() => going.stop());
  expect((await follow(going.url, kept.id)).at(-1)?.status).toBe('COMPLETED');
  expect(going.sandbox.bills).toHaveLength(1);
  expect(await reasonOf(going)).toBeNull();
});

it.each(['POLL', 'WEBHOOK'] as const)('%s still ends a job while DISPATCH is paused', async (source) => {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  // One that outlives the gateways, as Akool does.
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
