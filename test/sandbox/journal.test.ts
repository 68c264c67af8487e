import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Sandbox, SandboxOptions } from '../../src/sandbox/sandbox.js';
import { call, DELETE, idOf, Listener, pro, resultOf, startSandbox } from '../support/sandbox-customer.js';

let folder: string;
let sandbox: Sandbox;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandbox-journal-'));
});
afterEach(async () => {
  await sandbox.stop();
  rmSync(folder, { recursive: true });
});

const start = async (options: SandboxOptions = {}) => {
  sandbox = await startSandbox({ journalFile: join(folder, 'kept', 'journal.jsonl'), ...options });
};
const startAgain = async (options: SandboxOptions = {}) => {
  await sandbox.stop();
  await start(options);
};

describe('a sandbox with a journal', () => {
  it('remembers bills, credit, deletions and expired tokens', async () => {
    await start({ credit: 20 });
    const [kept, deleted] = [idOf(await pro(sandbox)), idOf(await pro(sandbox))];
    await sandbox.settled();
    await call(sandbox, DELETE, { _ids: deleted });
    sandbox.expireTokens();
    const { bills } = sandbox;
    for (let times = 0; times < 2; times++) {
      await startAgain({ credit: 20 });
      expect(sandbox.bills).toEqual(bills);
      expect(sandbox.credit).toBe(12);
      expect(await resultOf(sandbox, kept)).toMatchObject({ faceswap_status: 3 });
      expect(await resultOf(sandbox, deleted)).toBeUndefined();
    }
  });

  it('lets nobody else read it, because it names the addresses of pictures', async () => {
    await start();
    expect(statSync(join(folder, 'kept', 'journal.jsonl')).mode & 0o777).toBe(0o600);
  });

  it('goes on with unfinished jobs and counts them', async () => {
    await start({ queueMs: 0, processMs: 3000, maxConcurrency: 1 });
    const id = idOf(await pro(sandbox));
    await startAgain({ maxConcurrency: 1 });
    expect(sandbox.concurrency).toBe(1);
    expect((await pro(sandbox)).body.code).toBe(1005);
    await sandbox.settled();
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 3 });
  });

  it('still owes its webhooks', async () => {
    await start();
    const listener = await Listener.start(sandbox);
    const gate = sandbox.hold('webhook');
    const id = idOf(await pro(sandbox, { webhookUrl: listener.url }));
    await gate.arrived;
    sandbox.finish(id);
    await startAgain();
    await sandbox.settled();
    expect(listener.statuses.toSorted()).toEqual([2, 3]);
    await listener.stop();
  });

  it('forgets when it is reset', async () => {
    await start();
    idOf(await pro(sandbox));
    sandbox.reset();
    await startAgain();
    expect(sandbox.bills).toEqual([]);
    expect(sandbox.credit).toBe(4000);
  });

  it('reads past a line that was cut short, and tidies up', async () => {
    await start();
    const id = idOf(await pro(sandbox));
    await sandbox.settled();
    await sandbox.stop();
    const file = join(folder, 'kept', 'journal.jsonl');
    appendFileSync(file, '{"job":{"id":"65');
    const before = readFileSync(file, 'utf8').split('\n').length;
    await start();
    expect(sandbox.jobs.map((job) => job.id)).toEqual([id]);
    expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThan(before);
  });
});
