/** Files that are sent to a process of its own: over slow lines, on a full disk, and when it is killed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { submit } from '../support/caller.js';
import { until } from '../support/gate.js';
import { build, cleanUp, newFolder, ROOT, spawnGateway, startProcess } from '../support/gateway-process.js';
import { bucketSettings, startS3Twin } from '../support/s3-twin.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { announce, beginPut, filesIn, noise, PNG, put, sha256, uploadsOnFiles } from '../support/uploads.js';

vi.setConfig({ testTimeout: 60_000 });

beforeAll(build, 60_000);
afterEach(cleanUp);

const database = (folder: string): Record<string, string> => ({
  DATABASE_URL: `sqlite:${join(folder, 'gateway.db')}`,
});

it('a slow line is waited for, longer than for any other request', async () => {
  const folder = newFolder();
  const preload = pathToFileURL(join(ROOT, 'test/end-to-end/short-timeouts.mjs')).href;
  const gateway = await spawnGateway(process.execPath, ['--import', preload, join(ROOT, 'dist/index.js')], {
    cwd: folder,
    env: { ...database(folder), TIMEOUT_MS: '400' },
  });
  const slowly = async (url: string, method: string) => {
    const sending = beginPut(
      url,
      { 'content-length': PNG.length, 'content-type': 'application/json' },
      method,
    );
    // Five times as long as a request may take.
    for (let at = 0; at < PNG.length; at += PNG.length / 10) {
      await sending.send(PNG.subarray(at, at + PNG.length / 10)).catch(() => {});
      await sleep(200);
    }
    return sending.answer.then(
      ({ status }) => status,
      () => 'cut',
    );
  };
  const { putUrl } = await announce(gateway.url);
  const statuses = await Promise.all([slowly(putUrl, 'PUT'), slowly(`${gateway.url}/graphql`, 'POST')]);
  expect(statuses).toEqual([201, 408]);
});

it('many files at once are all whole, and are not held in memory', async () => {
  const gateway = await startProcess(newFolder());
  const files = Array.from({ length: 4 }, () => noise(5_000_000));
  const send = async (bytes: Buffer): Promise<void> => {
    const { putUrl } = await announce(gateway.url, { byteSize: bytes.length });
    const { status, json } = await put(putUrl, bytes);
    expect([status, json['sha256']]).toEqual([201, sha256(bytes)]);
  };
  const { pid = 0 } = gateway.child;
  await Promise.all(files.map(send));
  const before = mostResidentMiB(pid);
  // 200 MB.
  await Promise.all(
    Array.from({ length: 10 }, () => files)
      .flat()
      .map(send),
  );
  expect(mostResidentMiB(pid) - before).toBeLessThan(100);
});

/** The most memory that a process has ever had. */
function mostResidentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

it('SIGKILL in the middle leaves nothing after the next start, and the file can be sent again', async () => {
  const folder = newFolder();
  const bytes = noise(2_000_000);
  const announced = { byteSize: bytes.length, sha256: sha256(bytes) };
  const files = (): readonly string[] => filesIn(join(folder, 'data/archive/uploads'));
  const first = await startProcess(folder, database(folder));
  const uploads = await Promise.all([1, 2, 3].map(() => announce(first.url, announced)));
  const sending = uploads.map(({ putUrl }) => beginPut(putUrl, { 'content-length': bytes.length }));
  await Promise.all(sending.map((one) => one.send(bytes.subarray(0, 1_000_000))));
  await until(() => files().length === 3);
  first.child.kill('SIGKILL');
  await first.ended;
  expect(files()).toHaveLength(3);

  const again = await startProcess(folder, database(folder));
  expect(files()).toEqual([]);
  for (const { putToken, name } of uploads) {
    expect((await put(`${again.url}/uploads/${putToken}`, bytes)).status).toBe(201);
    const served = await fetch(`${again.url}/uploads/${name}`);
    expect(sha256(Buffer.from(await served.arrayBuffer()))).toBe(announced.sha256);
  }
  expect(files()).toEqual(uploads.map(({ name }) => `${name}.png`).sort());
});

it('a gateway with a bucket whose TMPDIR cannot be used takes no files, says so, and serves the rest', async () => {
  const twin = await startS3Twin();
  const gateway = await startProcess(newFolder(), {
    ...bucketSettings(twin),
    // Not even root can make a folder there.
    TMPDIR: '/etc/passwd/tmp',
    LOG_LEVEL: 'error',
  });
  await expect(announce(gateway.url)).rejects.toThrow(/UPLOADS_UNAVAILABLE/);
  expect((await submit(gateway.url)).id).toEqual(expect.any(String));
  expect(gateway.stderr() + gateway.stdout()).toMatch(/\/etc\/passwd\/tmp/);
  await twin.stop();
});

const disk = mountSmallDisk(4096);
afterAll(() => disk?.remove());

describe.skipIf(disk === null)('a full disk', () => {
  it('is 503, leaves nothing, and the file can be sent again when there is room', async () => {
    const stage = await uploadsOnFiles({
      env: { ARCHIVE_DIR: join(disk?.dir ?? '', 'archive'), UPLOAD_MIN_FREE_BYTES: '0' },
    });
    try {
      const bytes = noise(1_000_000);
      expect((await put((await stage.announce({})).putUrl, PNG)).status).toBe(201);
      const upload = await stage.announce({ byteSize: bytes.length });
      disk?.fill();
      const { status, json, headers } = await put(upload.putUrl, bytes);
      expect([status, json['code'], headers['retry-after']]).toEqual([503, 'STORAGE_UNAVAILABLE', '5']);
      await expect.poll(() => stage.unfinished()).toEqual([]);
      disk?.makeRoom();
      expect((await put(upload.putUrl, bytes)).status).toBe(201);
      expect(stage.stored()).toHaveLength(2);
    } finally {
      await stage.stop();
    }
  });
});
