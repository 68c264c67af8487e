/** A process that ends in the midst of its work: the next one goes on, and sends nothing twice. */
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { ask, dataOf, follow, lookUp, submit } from '../support/caller.js';
import { build, cleanUp, newFolder, startProcess } from '../support/gateway-process.js';
import { JOB } from '../support/operations.js';

let sandbox: Sandbox;
let folder: string;

beforeAll(build, 60_000);
beforeEach(async () => {
  sandbox = createSandbox({ queueMs: 5, processMs: 5 });
  await sandbox.start();
  folder = newFolder();
});
afterEach(async () => {
  await cleanUp();
  await sandbox.stop();
});

function start(env: Record<string, string> = {}) {
  const akool = { AKOOL_BASE_URL: sandbox.url, AKOOL_API_KEY: sandbox.apiKey, POLL_AFTER_MS: '20' };
  return startProcess(folder, { ...akool, ...env });
}

function inDatabase<T>(work: (database: Database.Database) => T): T {
  const database = new Database(join(folder, 'data', 'gateway.db'));
  try {
    return work(database);
  } finally {
    database.close();
  }
}

it.each(['SIGTERM', 'SIGKILL'] as const)('a deletion goes on after %s', async (signal) => {
  const first = await start();
  const { id } = await submit(first.url);
  await follow(first.url, id);
  await expect.poll(async () => (await lookUp(first.url, id)).result?.archived).toBe(true);
  const media = (await lookUp(first.url, id)).result?.url ?? '';
  const gate = sandbox.hold('delete');
  await dataOf(ask(first.url, `mutation { deleteJob(id: "${id}") }`));
  await gate.arrived;
  first.child.kill(signal);
  await first.ended;
  gate.release();
  // Simulates that the dead process's claim on its work has expired.
  if (signal === 'SIGKILL') inDatabase((db) => db.exec('update jobs set erase_at = 1'));
  const second = await start();
  expect((await dataOf(ask(second.url, JOB, { id }))).job).toBeNull();
  await expect.poll(() => sandbox.jobs).toEqual([]);
  expect((await fetch(new URL(new URL(media).pathname, second.url))).status).toBe(404);
  second.child.kill('SIGTERM');
  await second.ended;
  expect(inDatabase((db) => db.prepare('select * from jobs').all())).toEqual([]);
});

it('a detection goes on after SIGKILL, and its job is sent once', async () => {
  const gate = sandbox.hold('detect');
  const killed = await start({ SUBMIT_WAIT_MS: '0' });
  const { id } = await submit(killed.url, {
    detectOpts: true,
    sourceImage: [{ path: 'https://example.com/a.jpg' }],
    targetImage: [{ path: 'https://example.com/b.jpg' }],
  });
  await gate.arrived;
  killed.child.kill('SIGKILL');
  await killed.ended;
  gate.release();
  const again = await start();
  expect((await follow(again.url, id)).at(-1)?.status).toBe('COMPLETED');
  const { history } = await lookUp(again.url, id);
  expect(history.map(({ status }) => status)).not.toContain('UNCONFIRMED');
  expect(sandbox.bills).toHaveLength(1);
});
