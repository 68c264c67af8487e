/** Many files that are sent to the gateway at once: each is whole, and nobody takes all the room. */
import { afterEach, expect, it } from 'vitest';
import {
  beginPut,
  noise,
  PNG,
  put,
  sha256,
  type UploadStage,
  uploadsInBucket,
  uploadsOnFiles,
} from '../support/uploads.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(opening: Promise<UploadStage>): Promise<UploadStage> {
  const stage = await opening;
  ends.push(() => stage.stop());
  return stage;
}

const KEY = 'a-key-of-acme-that-is-long-enough-for-it';

it.each([
  ['a folder', uploadsOnFiles],
  ['a bucket', uploadsInBucket],
])('each is whole in %s', async (_where, open) => {
  const stage = await start(open());
  const files = Array.from({ length: 20 }, () => noise(1_000_000));
  const answers = await Promise.all(
    files.map(async (bytes) => {
      const upload = await stage.announce({ byteSize: bytes.length });
      return { upload, answer: await put(upload.putUrl, bytes) };
    }),
  );
  for (const [i, { answer, upload }] of answers.entries()) {
    const hash = sha256(files[i] ?? PNG);
    expect([answer.status, answer.json['sha256']]).toEqual([201, hash]);
    expect(sha256(Buffer.from(await (await fetch(upload.url)).arrayBuffer()))).toBe(hash);
  }
  expect(stage.unfinished()).toEqual([]);
});
it('a tenant sends at most 256 at once, while another still has room', async () => {
  const stage = await start(
    uploadsOnFiles({ env: { AUTH_API_KEYS: `acme:${KEY},other:${KEY}2`, DRAIN_MS: '0' } }),
  );
  const uploads = await Promise.all(Array.from({ length: 257 }, () => stage.announce({}, KEY)));
  const last = uploads.pop();
  const sending = uploads.map(({ putUrl }) => beginPut(putUrl, { 'content-length': PNG.length }));
  await expect.poll(() => stage.unfinished().length).toBe(256);
  const { status, json, headers } = await put(last?.putUrl ?? '', PNG);
  expect([status, json, headers['retry-after']]).toEqual([
    503,
    { code: 'STORAGE_UNAVAILABLE', message: 'Too many files are being sent; retry later.' },
    '5',
  ]);
  expect((await put((await stage.announce({}, `${KEY}2`)).putUrl, PNG)).status).toBe(201);
  for (const { request } of sending) request.destroy();
  await expect.poll(() => stage.unfinished()).toEqual([]);
  // Their places are free a little later.
  await expect.poll(async () => (await put(last?.putUrl ?? '', PNG)).status).toBe(201);
});
