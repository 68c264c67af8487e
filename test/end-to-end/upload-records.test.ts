/** Uploads over GraphQL: announced, found, listed, counted and deleted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { ask as askOpen, errorOf } from '../support/caller.js';
import type { Reply } from '../support/doors.js';
import { withMethods } from '../support/harness.js';
import {
  type Announced,
  CREATE_UPLOAD,
  startWithUploads,
  UPLOAD_FIELDS,
  type UploadRecords,
} from '../support/upload-records.js';

let stage: UploadRecords;
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(options: Parameters<typeof startWithUploads>[0] = {}): Promise<void> {
  stage = await startWithUploads(options);
  ends.push(() => stage.gateway.stop());
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The path and code of each broken rule. */
async function faultsOf(input: Announced): Promise<readonly (readonly [string, string])[]> {
  const { errors, data } = await stage.ask(CREATE_UPLOAD, { input });
  expect(data).toBeNull();
  expect(errors).toHaveLength(1);
  return (errors[0]?.extensions?.fieldErrors ?? []).map(({ path, code }) => [path, code]);
}

function codeOf({ errors, data }: Reply): string | undefined {
  expect(data).toBeNull();
  return errors[0]?.extensions?.code;
}

describe('An upload', () => {
  it('is announced with where to send it, and ready once it is received', async () => {
    await start();
    const before = Date.now();
    const announced = await stage.create({ contentType: 'video/quicktime', byteSize: 2_000_000 });
    expect(announced).toEqual({
      id: expect.any(String),
      status: 'AWAITING',
      url: expect.stringMatching(`^${stage.gateway.url}/uploads/[\\w-]{32}\\.mov$`),
      putUrl: expect.stringMatching(`^${stage.gateway.url}/uploads/[\\w-]{40}$`),
      headers: [{ name: 'content-type', value: 'video/quicktime' }],
      contentType: 'video/quicktime',
      byteSize: 2_000_000,
      width: null,
      height: null,
      durationSeconds: null,
      sha256: null,
      createdAt: expect.any(String),
      expiresAt: expect.any(String),
    });
    const createdAt = Date.parse(announced.createdAt);
    expect(createdAt).toBeGreaterThanOrEqual(before);
    expect(Date.parse(announced.expiresAt) - createdAt).toBe(15 * MINUTE);
    expect(await stage.find(announced.id)).toEqual(announced);

    const sha256 = 'e'.repeat(64);
    const kept = { contentType: 'video/mp4', byteSize: 1_900_000, durationSeconds: 2.5, sha256 };
    const ready = await stage.receive(announced, { ...kept, width: 640, height: 360 });
    expect(ready).toEqual({
      ...announced,
      ...kept,
      status: 'READY',
      putUrl: null,
      headers: [],
      width: 640,
      height: 360,
      expiresAt: expect.any(String),
    });
    expect(Date.parse(ready.expiresAt) - createdAt).toBeGreaterThanOrEqual(24 * HOUR);
  });

  it('is found by `node` too, as jobs are, and both by their type', async () => {
    await start();
    const upload = await stage.create();
    const query = `query ($id: ID!) { node(id: $id) { __typename id ... on Upload { contentType } ... on Job { status } } }`;
    const path = 'https://example.com/a.jpg';
    const submit = `mutation { submitFaceSwap(input: { sourceImage: [{ path: "${path}" }], targetImage: [{ path: "${path}" }] }) { job { id } } }`;
    const { job } = await stage.data<{ readonly job: { readonly id: string } }>(submit);
    const node = (id: string, tenant = 'ann') => stage.data<unknown>(query, { id }, tenant);
    expect(await node(upload.id)).toEqual({
      __typename: 'Upload',
      id: upload.id,
      contentType: 'image/png',
    });
    expect(await node(job.id)).toMatchObject({ __typename: 'FaceSwapJob', id: job.id });
    for (const id of [upload.id, job.id]) expect(await node(id, 'bob')).toBeNull();
    expect(await node('none')).toBeNull();
  });

  it('is at the address that PUBLIC_URL gives it', async () => {
    await start({ env: { PUBLIC_URL: 'http://127.0.0.1:9/swap/v1/' } });
    const { url, putUrl } = await stage.create();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:9\/swap\/v1\/uploads\/[\w-]{32}\.png$/);
    expect(putUrl).toMatch(/^http:\/\/127\.0\.0\.1:9\/swap\/v1\/uploads\/[\w-]{40}$/);
  });

  it('is listed with the others, newest first, by cursors of its own', async () => {
    await start();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift((await stage.create()).id);
    await stage.create({}, 'bob');
    const page = async (args: string) => {
      const query = `{ uploads(${args}) { edges { cursor node { ${UPLOAD_FIELDS} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
      return stage.data<{
        readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
        readonly pageInfo: Record<string, unknown>;
      }>(query);
    };
    const idsOf = ({ edges }: Awaited<ReturnType<typeof page>>) => edges.map(({ node }) => node.id);
    const first = await page('first: 2');
    expect(idsOf(first)).toEqual(ids.slice(0, 2));
    expect(first.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: first.edges[0]?.cursor,
      endCursor: first.edges[1]?.cursor,
    });
    expect(idsOf(await page(`first: 9, after: "${first.pageInfo['endCursor']}"`))).toEqual(ids.slice(2));
    expect(idsOf(await page('last: 2'))).toEqual(ids.slice(3));
    expect(idsOf(await page(`last: 1, before: "${first.pageInfo['endCursor']}"`))).toEqual([ids[0]]);

    const misused = `{ jobs(after: "${first.pageInfo['endCursor']}") { edges { cursor } } }`;
    const { errors } = await stage.ask(misused);
    expect(errors[0]?.extensions?.fieldErrors).toMatchObject([{ path: 'after', code: 'CURSOR_INVALID' }]);
    const tooMany = await stage.ask('{ uploads(first: 101) { edges { cursor } } }');
    expect(tooMany.errors[0]?.extensions?.fieldErrors).toMatchObject([{ code: 'PAGE_SIZE_INVALID' }]);
  });
});

describe('What is announced', () => {
  it('is refused with every rule that it breaks', async () => {
    await start();
    expect(await faultsOf({ contentType: 'text/html', byteSize: 0, sha256: 'x' })).toEqual([
      ['input.contentType', 'CONTENT_TYPE_UNSUPPORTED'],
      ['input.byteSize', 'BYTE_SIZE_INVALID'],
      ['input.sha256', 'SHA256_INVALID'],
    ]);
    expect(await faultsOf({ contentType: 'image/heic', byteSize: 2_147_483_647 })).toEqual([
      ['input.contentType', 'CONTENT_TYPE_UNSUPPORTED'],
      ['input.byteSize', 'UPLOAD_TOO_LARGE'],
    ]);
    expect(await stage.records.usage('ann', 0)).toBe(0);
  });

  it('is taken by the usual name of its type', async () => {
    await start();
    const upload = await stage.create({ contentType: ' Image/JPG; charset=binary', byteSize: 1 });
    expect(upload.contentType).toBe('image/jpeg');
    expect(upload.headers).toEqual([{ name: 'content-type', value: 'image/jpeg' }]);
  });

  it('may be as large as the settings say', async () => {
    await start({ env: { UPLOAD_MAX_IMAGE_BYTES: '1000', UPLOAD_MAX_VIDEO_BYTES: '2000' } });
    await stage.create({ contentType: 'image/png', byteSize: 1000 });
    await stage.create({ contentType: 'video/mp4', byteSize: 2000 });
    const tooLarge = [['input.byteSize', 'UPLOAD_TOO_LARGE']];
    expect(await faultsOf({ contentType: 'image/png', byteSize: 1001 })).toEqual(tooLarge);
    expect(await faultsOf({ contentType: 'video/mp4', byteSize: 2001 })).toEqual(tooLarge);
  });
});

describe('The same bytes', () => {
  it('are handed out to their tenant again, with a new life, and to nobody else', async () => {
    await start();
    const sha256 = 'ab'.repeat(32);
    const announced = await stage.create({ sha256: sha256.toUpperCase() });
    expect((await stage.create({ sha256 })).id).not.toBe(announced.id);
    const ready = await stage.receive(announced);
    stage.later(HOUR);
    const input = { contentType: 'image/png', byteSize: 1000, sha256 };
    const again = (tenant: string) => stage.data<unknown>(CREATE_UPLOAD, { input }, tenant);
    expect(await again('ann')).toMatchObject({
      deduplicated: true,
      upload: { id: announced.id, status: 'READY', putUrl: null, url: ready.url },
    });
    const prolonged = await stage.find(announced.id);
    expect(Date.parse(prolonged?.expiresAt ?? '') - Date.parse(ready.expiresAt)).toBeGreaterThan(HOUR - 1);
    expect(await again('bob')).toMatchObject({ deduplicated: false, upload: { status: 'AWAITING' } });
  });
});

describe('The room for uploads', () => {
  const USAGE = '{ account { uploads { bytes limit } } }';
  const usage = async (tenant?: string) =>
    (await stage.data<{ readonly uploads: unknown }>(USAGE, {}, tenant)).uploads;

  it('is limited for each tenant, and what was announced counts as long as it may be sent', async () => {
    await start({ env: { UPLOAD_QUOTA_BYTES: '2500' } });
    await stage.receive(await stage.create({ byteSize: 1000 }), { byteSize: 800 });
    await stage.create({ byteSize: 1000 });
    expect(await usage()).toEqual({ bytes: 1800, limit: 2500 });
    expect(await usage('bob')).toEqual({ bytes: 0, limit: 2500 });
    const input = { contentType: 'image/png', byteSize: 1000 };
    const refused = await stage.ask(CREATE_UPLOAD, { input });
    expect(codeOf(refused)).toBe('UPLOAD_QUOTA_EXCEEDED');
    await stage.create({ byteSize: 1000 }, 'bob');
    stage.later(15 * MINUTE);
    await stage.create({ byteSize: 1000 });
    expect(await usage()).toEqual({ bytes: 1800, limit: 2500 });
  });

  it('has no limit by default', async () => {
    await start();
    await stage.create({ contentType: 'video/mp4', byteSize: 200 * 1024 * 1024 });
    expect(await usage()).toEqual({ bytes: 200 * 1024 * 1024, limit: null });
  });
});

describe('Uploads are unavailable', () => {
  it('if Akool could not download them, which says what to set', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
    ends.push(() => rmSync(dir, { recursive: true }));
    const { config, secrets } = readConfig({
      PORT: '0',
      AKOOL_API_KEY: 'key',
      AKOOL_BASE_URL: 'http://127.0.0.1:9',
      DATABASE_URL: `sqlite:${join(dir, 'gateway.db')}`,
      ARCHIVE_DIR: join(dir, 'archive'),
    });
    const app = createApp(config, secrets, { log: pino({ level: 'silent' }) });
    ends.push(() => app.stop());
    const { url } = await app.start();
    const input = { contentType: 'image/png', byteSize: 1 };
    const error = await errorOf(askOpen(url, CREATE_UPLOAD, { input }));
    expect(error).toMatchObject({
      message: expect.stringContaining('PUBLIC_URL'),
      extensions: { code: 'UPLOADS_UNAVAILABLE' },
    });
  });
});

describe('While the database cannot answer', () => {
  it('uploads are refused as everything else is', async () => {
    const busy = Object.assign(new Error('locked'), { code: 'SQLITE_BUSY' });
    await start({
      overrides: { wrapUploadStore: (store) => withMethods(store, { announce: () => Promise.reject(busy) }) },
    });
    const { status, errors } = await stage.ask(CREATE_UPLOAD, {
      input: { contentType: 'image/png', byteSize: 1 },
    });
    expect([status, errors[0]?.extensions?.code]).toEqual([503, 'STORE_UNAVAILABLE']);
  });
});

describe('A deleted upload', () => {
  it('is gone at once, with its bytes', async () => {
    await start();
    const [upload, other] = [await stage.ready(), await stage.ready()];
    expect(stage.blobs()).toHaveLength(2);
    const remove = (id: string, tenant = 'ann') =>
      stage.ask('mutation ($id: ID!) { deleteUpload(id: $id) }', { id }, tenant);
    expect(codeOf(await remove(upload.id, 'bob'))).toBe('NOT_FOUND');
    expect((await remove(upload.id)).data).toEqual({ deleteUpload: upload.id });
    expect(await stage.find(upload.id)).toBeNull();
    expect(stage.blobs()).toEqual([other.url.split('/').at(-1)]);
    expect(codeOf(await remove(upload.id))).toBe('NOT_FOUND');
  });
});
