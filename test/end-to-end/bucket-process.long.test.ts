/** A process that is told of a bucket: where it finds its key, and what it says if it cannot use the bucket. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { lookUp, submit } from '../support/caller.js';
import { build, cleanUp, newFolder, startProcess } from '../support/gateway-process.js';
import { bucketSettings, type S3Twin, startS3Twin } from '../support/s3-twin.js';

let twin: S3Twin;

beforeAll(build, 60_000);
beforeEach(async () => {
  twin = await startS3Twin();
});
afterEach(async () => {
  await cleanUp();
  await twin.stop();
});

it('keeps results there', async () => {
  const gateway = await startProcess(newFolder(), { ...bucketSettings(twin), ARCHIVE_S3_PREFIX: '/swaps/' });
  const { id } = await submit(gateway.url);
  await expect.poll(async () => (await lookUp(gateway.url, id)).result?.archived).toBe(true);
  expect([...twin.objects.keys()]).toEqual([expect.stringMatching(/^swaps\/[\w-]{43}\.png$/)]);
  gateway.child.kill('SIGTERM');
  expect(await gateway.ended).toBe(0);
});

it('finds a key by itself where none is set, as other programs for AWS do', async () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...env } = bucketSettings(twin);
  const folder = newFolder();
  const file = join(folder, 'credentials');
  writeFileSync(
    file,
    `[default]\naws_access_key_id=${AWS_ACCESS_KEY_ID}\naws_secret_access_key=${AWS_SECRET_ACCESS_KEY}\n`,
  );
  const gateway = await startProcess(folder, { ...env, AWS_SHARED_CREDENTIALS_FILE: file });
  expect(gateway.url).toMatch(/^http:/);
  expect(twin.calls).toContain('PutObject');
});

it('does not start when it cannot use the bucket, and says why in one line without the key', async () => {
  const gateway = await startProcess(newFolder(), {
    ...bucketSettings(twin),
    AWS_SECRET_ACCESS_KEY: 'another-s3cret',
    NODE_NO_WARNINGS: '1',
  });
  expect(await gateway.ended).toBe(1);
  expect(gateway.stderr().trim()).toBe(
    'ARCHIVE_S3_BUCKET is "results"; it must be a bucket that can be written to, read and listed (PutObject failed: SignatureDoesNotMatch, HTTP 403)',
  );
  expect(gateway.stdout()).toBe('');
});
