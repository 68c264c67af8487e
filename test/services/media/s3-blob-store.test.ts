/** The archive in a bucket: the common contract over a fake S3, and the failures that only buckets have. */
import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Bucket, S3Credentials } from '../../../src/config/bucket.js';
import type { BlobStore } from '../../../src/services/media/blob-store.js';
import { createS3BlobStore } from '../../../src/services/media/s3-blob-store.js';
import { ANSWER_MS, TRANSFER_MS } from '../../../src/services/media/s3-call.js';
import { type Operation, type S3Twin, startS3Twin } from '../../support/s3-twin.js';
import { describeArchive, picture, streamOf, unending } from './blob-store.contract.js';

const HOUR = 60 * 60 * 1000;
const MIB = 1024 * 1024;
const MEBIBYTE = { first: 0, last: MIB - 1 };
const EIGHT_MEBIBYTES = { first: 0, last: 8 * MIB - 1 };
const png = { contentType: 'image/png' };
const WRITES: readonly Operation[] = ['PutObject', 'CreateMultipartUpload', 'UploadPart'];
const ends: (() => Promise<void>)[] = [];
const lines = new PassThrough({ encoding: 'utf8' });
const log = pino(lines);

afterEach(async () => {
  vi.useRealTimers();
  for (const end of ends.splice(0).reverse()) await end();
});

function archiveOn(twin: S3Twin, more: Partial<Bucket> = {}, key: Partial<S3Credentials> = {}): BlobStore {
  return createS3BlobStore({
    bucket: {
      name: twin.bucket,
      prefix: 'kept/here',
      region: twin.key.region,
      endpoint: twin.url,
      pathStyle: true,
      ...more,
    },
    credentials: {
      accessKeyId: twin.key.accessKeyId,
      secretAccessKey: twin.key.secretAccessKey,
      sessionToken: twin.key.sessionToken ?? null,
      ...key,
    },
    longestWriteMs: 60_000,
    log,
  });
}

async function start(
  key: Parameters<typeof startS3Twin>[0] = {},
): Promise<{ twin: S3Twin; archive: BlobStore }> {
  const twin = await startS3Twin(key);
  ends.push(() => twin.stop());
  const archive = archiveOn(twin);
  ends.push(() => archive.stop());
  await archive.start();
  twin.calls.length = 0;
  return { twin, archive };
}

function leaveUpload(twin: S3Twin, key: string, ageMs: number): void {
  const initiatedAt = new Date(Date.now() - ageMs);
  twin.uploads.set(randomUUID(), { key, contentType: 'image/png', initiatedAt, parts: new Map() });
}

for (const prefix of ['kept/here', '']) {
  describeArchive(
    `objects in a bucket, ${prefix === '' ? 'without a prefix' : 'under a prefix'}`,
    async () => {
      const twin = await startS3Twin();
      const archive = archiveOn(twin, { prefix });
      await archive.start();
      const before = prefix === '' ? '' : `${prefix}/`;
      return {
        archive,
        kept: () => [...twin.objects.keys()].map((key) => key.slice(before.length)).sort(),
        unfinished: () => twin.uploads.size,
        leaveBehind: (ageMs) => leaveUpload(twin, `${before}b.mp4`, ageMs),
        putDeeper: (name) => {
          const object = { bytes: picture(100), ...png, etag: '"deeper"', modifiedAt: new Date() };
          twin.objects.set(`${before}deeper/${name}`, object);
        },
        breakWrites: () => {
          for (const write of WRITES) twin.trouble(write, 'denied');
        },
        mendWrites: () => twin.heal(),
        close: async () => {
          await archive.stop();
          await twin.stop();
        },
      };
    },
  );
}

describe('an archive in a bucket', () => {
  it('leaves nothing of its test at the start', async () => {
    const { twin } = await start();
    expect([...twin.objects.keys()]).toEqual([]);
  });

  it('tells the bucket what its objects are, in one put or in parts', async () => {
    const { twin, archive } = await start();
    await archive.write('a.png', streamOf(picture(10 * MIB)), png);
    await archive.write('b.mp4', streamOf(picture(10 * MIB + 1)), { contentType: 'video/mp4' });
    expect(twin.objects.get('kept/here/a.png')?.contentType).toBe('image/png');
    expect(twin.objects.get('kept/here/b.mp4')?.contentType).toBe('video/mp4');
    expect((await archive.find('b.mp4'))?.contentType).toBe('video/mp4');
    expect(twin.calls).toEqual([
      'PutObject',
      'CreateMultipartUpload',
      'UploadPart',
      'UploadPart',
      'CompleteMultipartUpload',
      'HeadObject',
    ]);
  });

  it('works with a temporary key, and in another region', async () => {
    const { archive } = await start({ sessionToken: 'temporary/token==', region: 'eu-central-1' });
    await archive.write('a.png', streamOf(picture(100)), png);
    expect((await archive.find('a.png'))?.byteSize).toBe(100);
  });

  it('is used without sweeping where uploads can not be listed, and says so once', async () => {
    const twin = await startS3Twin();
    ends.push(() => twin.stop());
    twin.trouble('ListMultipartUploads', 'unknown');
    const archive = archiveOn(twin);
    ends.push(() => archive.stop());
    await archive.start();
    await archive.sweep();
    await archive.write('a.png', streamOf(picture(100)), png);
    expect((await archive.find('a.png'))?.byteSize).toBe(100);
    expect(twin.calls.filter((call) => call === 'ListMultipartUploads')).toHaveLength(1);
    expect(String(lines.read()).match(/does not list unfinished uploads/g)).toHaveLength(1);
  });

  it('tells where the bucket is when that is another region', async () => {
    const twin = await startS3Twin({ region: 'eu-central-1' });
    ends.push(() => twin.stop());
    const archive = archiveOn(twin, { region: 'us-east-1' });
    ends.push(() => archive.stop());
    await expect(archive.start()).rejects.toMatchObject({ region: 'eu-central-1' });
  });

  it('touches nothing that is not its own', async () => {
    const { twin, archive } = await start();
    const others = ['a.png', 'kept/a.png', 'kept/here.png', 'kept/here/deeper/a.png', 'kept/hereafter/a.png'];
    const object = { bytes: picture(100), contentType: 'image/png', etag: '"e"', modifiedAt: new Date() };
    for (const key of others) {
      twin.objects.set(key, object);
      leaveUpload(twin, key, 1000 * HOUR);
    }
    await archive.removeAny('a');
    await archive.sweep();
    expect([...twin.objects.keys()]).toEqual(others);
    expect([...twin.uploads.values()].map(({ key }) => key)).toEqual(others);
    expect(await archive.find('a.png')).toBeNull();
  });

  it.each<[string, Partial<Bucket>, Partial<S3Credentials>, RegExp]>([
    ['a wrong key', {}, { accessKeyId: 'WRONG' }, /^PutObject failed: InvalidAccessKeyId, HTTP 403$/],
    [
      'a wrong secret',
      {},
      { secretAccessKey: 'wr0ng' },
      /^PutObject failed: SignatureDoesNotMatch, HTTP 403$/,
    ],
    ['a bucket that is not there', { name: 'elsewhere' }, {}, /^PutObject failed: NoSuchBucket, HTTP 404$/],
    [
      'a wrong region',
      { region: 'eu-north-1' },
      {},
      /^PutObject failed: AuthorizationHeaderMalformed, HTTP 400$/,
    ],
    ['nobody there', { endpoint: 'http://127.0.0.1:1' }, {}, /^PutObject failed: ECONNREFUSED$/],
  ])('does not start with %s', async (_what, bucket, key, message) => {
    const { twin } = await start();
    const archive = archiveOn(twin, bucket, key);
    ends.push(() => archive.stop());
    await expect(archive.start()).rejects.toThrow(message);
  });

  it.each<Operation>(['PutObject', 'GetObject', 'ListObjectsV2', 'DeleteObject', 'ListMultipartUploads'])(
    'does not start where it must not %s, and says so without what it was told',
    async (operation) => {
      const { twin } = await start();
      twin.trouble(operation, 'denied');
      const error: unknown = await archiveOn(twin)
        .start()
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'AccessDenied', status: 403 });
      expect(String(error)).toBe(`S3Error: ${operation} failed: AccessDenied, HTTP 403`);
      const all = JSON.stringify(error, Object.getOwnPropertyNames(error));
      for (const secret of [twin.key.accessKeyId, twin.key.secretAccessKey, 'kept/here']) {
        expect(all).not.toContain(secret);
      }
    },
  );

  it.each(['error', 'reset', 'lost'] as const)('tries again by itself after %s', async (trouble) => {
    const { twin, archive } = await start();
    for (const operation of ['PutObject', 'HeadObject', 'DeleteObject'] as const) {
      twin.trouble(operation, trouble, 1);
    }
    await archive.write('a.png', streamOf(picture(100)), png);
    expect((await archive.find('a.png'))?.byteSize).toBe(100);
    await archive.remove('a.png');
    expect(twin.objects.size).toBe(0);
    expect(twin.calls).toEqual([
      'PutObject',
      'PutObject',
      'HeadObject',
      'HeadObject',
      'DeleteObject',
      'DeleteObject',
    ]);
  });

  it.each<Operation>(['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'])(
    'leaves no part behind when %s fails for good',
    async (operation) => {
      const { twin, archive } = await start();
      twin.trouble(operation, 'error');
      const content = streamOf(picture(25 * MIB));
      await expect(archive.write('a.mp4', content, png)).rejects.toMatchObject({ code: 'InternalError' });
      expect(content.destroyed).toBe(true);
      expect([twin.uploads.size, twin.objects.size]).toEqual([0, 0]);
    },
  );

  it('leaves a part that can not be aborted to the sweeping', async () => {
    const { twin, archive } = await start();
    twin.trouble('UploadPart', 'denied');
    twin.trouble('AbortMultipartUpload', 'denied');
    await expect(archive.write('a.mp4', streamOf(picture(11 * MIB)), png)).rejects.toMatchObject({
      code: 'AccessDenied',
    });
    twin.heal();
    const [upload] = twin.uploads.values();
    expect(upload?.key).toBe('kept/here/a.mp4');
    await archive.sweep();
    expect(twin.uploads.size).toBe(1);
    if (upload !== undefined) upload.initiatedAt = new Date(Date.now() - HOUR - 61_000);
    await archive.sweep();
    expect(twin.uploads.size).toBe(0);
  });

  it.each(['find', 'read', 'remove', 'removeAny', 'sweep'] as const)(
    'gives %s up when it is told to',
    async (method) => {
      const { twin, archive } = await start();
      for (const operation of [
        'HeadObject',
        'GetObject',
        'DeleteObject',
        'ListObjectsV2',
        'ListMultipartUploads',
      ] as const) {
        twin.trouble(operation, 'hang');
      }
      const stop = new AbortController();
      const calls = {
        find: () => archive.find('a.png', stop.signal),
        read: () => archive.read('a.png', { first: 0, last: 0 }, stop.signal),
        remove: () => archive.remove('a.png', stop.signal),
        removeAny: () => archive.removeAny('a', stop.signal),
        sweep: () => archive.sweep(stop.signal),
      };
      const call = calls[method]();
      call.catch(() => {});
      await expect.poll(() => twin.calls).toHaveLength(1);
      stop.abort(new Error('told to'));
      await expect(call).rejects.toThrow('told to');
      await expect.poll(() => twin.underWay).toBe(0);
      await expect(calls[method]()).rejects.toThrow('told to');
      expect(twin.calls).toHaveLength(1);
    },
  );

  it('waits for no answer longer than it says, and counts that as failed', async () => {
    const { twin, archive } = await start();
    twin.trouble('HeadObject', 'hang');
    twin.trouble('PutObject', 'hang');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const finding = expect(archive.find('a.png')).rejects.toThrow('HeadObject failed: TimeoutError');
    const writing = expect(archive.write('a.png', streamOf(picture(100)), png)).rejects.toThrow(
      'PutObject failed: TimeoutError',
    );
    await vi.waitUntil(() => twin.calls.length === 2, { timeout: 15_000, interval: 5 });
    await vi.advanceTimersByTimeAsync(ANSWER_MS);
    await finding;
    await vi.advanceTimersByTimeAsync(TRANSFER_MS - ANSWER_MS);
    await writing;
    vi.useRealTimers();
    await expect.poll(() => twin.underWay).toBe(0);
  });

  it('fails a reading that breaks off, or falls silent, and never ends it as if it were whole', async () => {
    const { twin, archive } = await start();
    await archive.write('a.png', streamOf(picture(MIB)), png);
    twin.trouble('GetObject', 'cut');
    const cut = await archive.read('a.png', MEBIBYTE);
    await expect(cut && buffer(cut)).rejects.toThrow();
    twin.trouble('GetObject', 'stall');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stalled = await archive.read('a.png', MEBIBYTE);
    const reading = expect(stalled && buffer(stalled)).rejects.toThrow('GetObject failed: TimeoutError');
    // The timeout applies to each piece, so it may take several of them.
    for (let round = 0; round < 5 && stalled?.destroyed !== true; round += 1) {
      await vi.advanceTimersByTimeAsync(ANSWER_MS);
    }
    await reading;
    vi.useRealTimers();
    await expect.poll(() => twin.underWay).toBe(0);
  });

  it('lets a reader pause for as long as it likes', async () => {
    const { archive } = await start();
    await archive.write('a.png', streamOf(picture(8 * MIB)), png);
    // Time also advances by itself, because the connection's own timers are faked too.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    const content = await archive.read('a.png', EIGHT_MEBIBYTES);
    // Not an hour: timers of other clients in this process would keep firing for all that time.
    await vi.advanceTimersByTimeAsync(2 * TRANSFER_MS);
    vi.useRealTimers();
    expect((content && (await buffer(content)))?.equals(picture(8 * MIB))).toBe(true);
  });

  it('ends its connection with a reader that leaves, whenever that is', async () => {
    const { twin, archive } = await start();
    await archive.write('a.png', streamOf(picture(8 * MIB)), png);
    (await archive.read('a.png', EIGHT_MEBIBYTES))?.destroy();
    const second = await archive.read('a.png', EIGHT_MEBIBYTES);
    for await (const _piece of second ?? []) break;
    const leaving = new AbortController();
    const third = await archive.read('a.png', EIGHT_MEBIBYTES, leaving.signal);
    third?.on('error', () => {}).resume();
    leaving.abort();
    await expect.poll(() => twin.underWay).toBe(0);
  });

  it('counts a write as failed when its answer was lost, though the object is there', async () => {
    const { twin, archive } = await start();
    twin.trouble('PutObject', 'lost');
    await expect(archive.write('a.png', streamOf(picture(100)), png)).rejects.toMatchObject({ status: null });
    expect([...twin.objects.keys()]).toEqual(['kept/here/a.png']);
  });

  it('ends a write that takes longer than its settings allow', async () => {
    const { twin } = await start();
    const archive = createS3BlobStore({
      bucket: { name: twin.bucket, prefix: '', region: twin.key.region, endpoint: twin.url, pathStyle: true },
      credentials: { ...twin.key, sessionToken: null },
      longestWriteMs: 20,
      log,
    });
    ends.push(() => archive.stop());
    const content = unending(picture(100));
    await expect(archive.write('a.png', content, png)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(content.destroyed).toBe(true);
  });
});
