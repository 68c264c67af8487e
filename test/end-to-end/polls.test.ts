/** How long a job may be silent before it is polled, with default settings. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import type { JobStore } from '../../src/services/jobs/job-store.js';
import { submit } from '../support/caller.js';

test.each([
  ['a second where Akool can not call back', {}, 1000],
  ['half a minute where it can', { PUBLIC_URL: 'http://127.0.0.1:9' }, 30_000],
])('is %s', async (_, env, ms) => {
  const akool = createSandbox({ queueMs: 3_600_000 });
  await akool.start();
  onTestFinished(() => akool.stop());
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const { config, secrets } = readConfig({
    PORT: '0',
    DATABASE_URL: 'sqlite::memory:',
    ARCHIVE_DIR: dir,
    AKOOL_BASE_URL: akool.url,
    AKOOL_API_KEY: akool.apiKey,
    ...env,
  });
  const stores: JobStore[] = [];
  const app = createApp(config, secrets, {
    log: pino({ level: 'silent' }),
    wrapStore: (store) => {
      stores.push(store);
      return store;
    },
  });
  onTestFinished(() => app.stop());
  const { id, updatedAt } = await submit((await app.start()).url);
  const job = await stores[0]?.get(id);
  expect(job).toMatchObject({ status: 'QUEUED', pollAt: Date.parse(updatedAt) + ms });
});
