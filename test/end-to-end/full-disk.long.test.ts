/** A full disk under the embedded database: logged once, nothing is lost, and work resumes with room. */
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { ask, expectWholeLife, follow, lookUp, oneFace, submit } from '../support/caller.js';
import { build, cleanUp, newFolder, startProcess } from '../support/gateway-process.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { SUBMIT } from '../support/operations.js';
import { mountSmallDisk } from '../support/small-disk.js';

vi.setConfig({ testTimeout: 60_000 });

// In kilobytes: room for what the first test leaves behind and for the second test's databases.
const disk = mountSmallDisk(8192);
const databaseUrl = (name: string): string => `sqlite:${join(disk?.dir ?? '', name)}`;

afterAll(() => disk?.remove());

describe.skipIf(disk === null)('a full disk', () => {
  let gateway: TestGateway | null = null;
  let lines: { readonly level: number; readonly msg: string; readonly err?: { readonly message: string } }[] =
    [];

  beforeAll(build, 60_000);
  afterEach(async () => {
    disk?.makeRoom();
    await gateway?.stop();
    gateway = null;
    await cleanUp();
  });

  const ready = async (url: string): Promise<number> => (await fetch(`${url}/readyz`)).status;
  const said = (message: string): number => lines.filter(({ msg }) => msg === message).length;

  test('loses nothing, is told once, and work goes on when there is room', async () => {
    lines = [];
    gateway = await startGateway({
      env: { DATABASE_URL: databaseUrl('running.db'), AKOOL_MAX_CONCURRENCY: '2', SUBMIT_WAIT_MS: '500' },
      sandbox: { maxConcurrency: 2 },
      overrides: { log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }) },
    });
    const { url, sandbox } = gateway;
    expect(await ready(url)).toBe(200);
    // Two are at Akool, whose answers and callbacks arrive when nothing can be stored; the others wait.
    const gate = sandbox.hold('accepted');
    const sent = [submit(url), submit(url)];
    await expect.poll(() => gate.waiting).toBe(2);
    const acknowledged = [await submit(url), await submit(url)].map(({ id }) => id);
    disk?.fill();
    let refusals = 0;
    while (refusals < 5) {
      const { status, body } = await ask(url, SUBMIT, { input: oneFace() });
      if (status === 200) acknowledged.push(body.data?.submitFaceSwap.job.id ?? '');
      else {
        refusals += 1;
        expect(status).toBe(503);
        expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      }
    }
    gate.release();
    for (const job of await Promise.all(sent)) acknowledged.push(job.id);
    // A small change may still fit into a page that a larger one has allocated.
    await expect.poll(() => sandbox.deliveries.length).toBeGreaterThan(0);
    for (const { answer } of sandbox.deliveries) expect([200, 503]).toContain(answer);
    // Stored jobs can still be read.
    for (const id of acknowledged) expect((await lookUp(url, id)).id).toBe(id);
    await expect.poll(() => ready(url)).toBe(503);

    disk?.makeRoom();
    await expect.poll(() => ready(url)).toBe(200);
    const last = await submit(url);
    for (const id of [...acknowledged, last.id]) {
      const told = await follow(url, id);
      const end = await lookUp(url, id);
      expect(end.status).toBe('COMPLETED');
      expectWholeLife(told, end);
    }
    expect(sandbox.bills).toHaveLength(acknowledged.length + 1);
    expect(said('the disk of the database is full: nothing can be stored')).toBe(1);
    expect(said('the disk of the database has room again')).toBe(1);
    // All other lines have a lower level, or concern a single job.
    const errors = lines.filter(({ level }) => level >= 50).map(({ msg }) => msg);
    expect(errors).toEqual([
      'the disk of the database is full: nothing can be stored',
      'not ready: the database does not answer',
    ]);
  });

  test('ends a start in one line that names it, and the next start finds what was stored', async () => {
    const sandbox = createSandbox({ port: 0, queueMs: 20, processMs: 40 });
    await sandbox.start();
    const env = {
      DATABASE_URL: databaseUrl('gateway.db'),
      AKOOL_BASE_URL: sandbox.url,
      AKOOL_API_KEY: sandbox.apiKey,
    };
    try {
      const folder = newFolder();
      const first = await startProcess(folder, env);
      const { id } = await submit(first.url);
      first.child.kill('SIGKILL');
      await first.ended;
      disk?.fill();
      const refused = await startProcess(folder, env);
      expect(await refused.ended).toBe(1);
      expect(refused.stderr()).toMatch(
        /^\/\S+gateway\.db can't be used as the database: database or disk is full; see DATABASE_URL\n$/,
      );
      const fresh = { ...env, DATABASE_URL: databaseUrl('fresh.db') };
      const neverMade = await startProcess(newFolder(), fresh);
      expect(await neverMade.ended).toBe(1);
      expect(neverMade.stderr()).toMatch(
        /fresh\.db can't be used as the database: database or disk is full;/,
      );
      disk?.makeRoom();
      const again = await startProcess(folder, env);
      expect((await lookUp(again.url, id)).id).toBe(id);
    } finally {
      await sandbox.stop();
    }
  });
});
