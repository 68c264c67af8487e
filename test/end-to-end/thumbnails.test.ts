/** `thumbnailUrl`: made when it is first asked for, kept beside the copy, and erased with it. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../src/services/media/blob-store.js';
import { createFolderBlobStore } from '../../src/services/media/folder-blob-store.js';
import { flatPng, scene } from '../services/pictures/files.js';
import { ask, dataOf, follow, lookUp, submit } from '../support/caller.js';
import { OPEN_TO_PAGES } from '../support/cross-origin.js';
import { Gate } from '../support/gate.js';
import { build } from '../support/gateway-process.js';
import { recordedLog, startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { bucketSettings, type S3Twin, startS3Twin } from '../support/s3-twin.js';

const WIDTHS = [64, 128, 320, 640, 1024];
const STEM = 'a'.repeat(43);
const NAME = `${STEM}.png`;
const OTHER = 'b'.repeat(43);

const ends: (() => Promise<void> | void)[] = [];
let large: Buffer;

beforeAll(async () => {
  await build();
  large = await scene(1500, 1000).png().toBuffer();
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Stage {
  readonly gateway: TestGateway;
  readonly lines: readonly Record<string, unknown>[];
  /** Names of everything in the archive, sorted. */
  kept(): readonly string[];
  keep(name: string, bytes: Buffer): void;
}

async function start(
  env: Record<string, string>,
  archive?: BlobStore,
): Promise<Pick<Stage, 'gateway' | 'lines'>> {
  const { log, lines } = recordedLog();
  const gateway = await startGateway({ env, overrides: { log, ...(archive && { archive }) } });
  ends.push(() => gateway.stop());
  return { gateway, lines };
}

interface StageOptions {
  /** Names of what is in the archive before the start. */
  readonly before?: readonly string[];
  /** For an archive of files that is to be watched or held. */
  readonly wrap?: (archive: BlobStore) => BlobStore;
}

async function onFiles({ before = [], wrap }: StageOptions = {}): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'archive-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  const keep = (name: string, bytes: Buffer): void => writeFileSync(join(dir, name), bytes);
  for (const name of before) keep(name, large);
  const archive = createFolderBlobStore(dir);
  const started = await start({}, wrap?.(archive) ?? archive);
  const kept = () => readdirSync(dir).filter((name) => name !== '.unfinished');
  return { ...started, kept: () => kept().sort(), keep };
}

async function onBucket({ before = [] }: StageOptions = {}): Promise<Stage> {
  const twin = await startS3Twin();
  ends.push(() => twin.stop());
  const keep = (name: string, bytes: Buffer): void => putObject(twin, name, bytes);
  for (const name of before) keep(name, large);
  const started = await start({
    ...bucketSettings(twin),
  });
  return { ...started, kept: () => [...twin.objects.keys()].sort(), keep };
}

function putObject(twin: S3Twin, name: string, bytes: Buffer): void {
  const etag = `"${bytes.length}"`;
  twin.objects.set(name, { bytes, contentType: 'image/png', etag, modifiedAt: new Date() });
}

/** A finished job whose copy is the large picture. Returns its id, and the copy's name. */
async function archived(stage: Pick<Stage, 'gateway' | 'keep'>): Promise<{ id: string; name: string }> {
  const { url } = stage.gateway;
  const { id } = await submit(url);
  await follow(url, id);
  await expect.poll(async () => (await lookUp(url, id)).result?.archived).toBe(true);
  const name = (await lookUp(url, id)).result?.url.split('/').at(-1) ?? '';
  stage.keep(name, large);
  return { id, name };
}

async function thumbnailUrl(url: string, id: string, width?: number): Promise<string | null> {
  const query = `query ($id: ID!) { job(id: $id) { result { thumbnailUrl${width === undefined ? '' : `(width: ${width})`} } } }`;
  const answer = ask<{ job: { result: { thumbnailUrl: string | null } } }, unknown>(url, query, { id });
  return (await dataOf(answer)).job.result.thumbnailUrl;
}

const deleteJob = (url: string, id: string) =>
  dataOf(ask(url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id }));

interface Raw {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** On a connection of its own, with a path that is not normalised on the way. */
function raw(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
  signal?: AbortSignal,
): Promise<Raw> {
  const { hostname, port, origin } = new URL(url);
  const options = { hostname, port, path: url.slice(origin.length), method, headers, agent: false };
  return new Promise((resolve, reject) => {
    const request = http.request({ ...options, ...(signal && { signal }) }, async (response) => {
      const body: Buffer[] = [];
      for await (const chunk of response) body.push(chunk);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(body) });
    });
    request.on('error', reject).end();
  });
}

const sizeOf = async (picture: Buffer): Promise<readonly unknown[]> => {
  const { format, width, height } = await sharp(picture).metadata();
  return [format, width, height];
};

describe.each<[string, (options?: StageOptions) => Promise<Stage>]>([
  ['a folder', onFiles],
  ['a bucket', onBucket],
])('the thumbnails of a copy in %s', (_where, open) => {
  it('are made in five widths, kept beside it, and erased with it', async () => {
    const stage = await open();
    const { url } = stage.gateway;
    const { id, name } = await archived(stage);
    for (const [wanted, width] of [
      [16, 64],
      [64, 64],
      [65, 128],
      [undefined, 320],
      [321, 640],
      [1024, 1024],
    ] as const) {
      const thumbnail = await thumbnailUrl(url, id, wanted);
      expect(thumbnail).toBe(`${url}/media/${name}/${width}`);
      const { status, headers, body } = await raw(thumbnail ?? '');
      expect([status, headers['content-type']]).toEqual([200, 'image/webp']);
      expect(await sizeOf(body)).toEqual(['webp', width, Math.round((width * 2) / 3)]);
    }
    expect(stage.kept()).toEqual([name, ...WIDTHS.map((width) => `${name}.${width}.webp`)].sort());
    await deleteJob(url, id);
    expect(stage.kept()).toEqual([]);
    expect((await raw(`${url}/media/${name}/320`)).status).toBe(404);
  });

  it('are served like the copy: with its headers, in ranges, and not to whoever has them', async () => {
    const stage = await open();
    stage.keep(NAME, large);
    const url = `${stage.gateway.url}/media/${NAME}/64`;
    const head = await raw(url, {}, 'HEAD');
    const whole = await raw(url);
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const { headers } of [head, whole]) {
      expect(headers).toMatchObject({
        'content-type': 'image/webp',
        'content-length': String(whole.body.length),
        'cache-control': 'private, max-age=31536000, immutable',
        'content-security-policy': "default-src 'none'; sandbox",
        'cross-origin-resource-policy': 'cross-origin',
        ...OPEN_TO_PAGES,
        'x-content-type-options': 'nosniff',
        etag: head.headers.etag,
      });
    }
    const part = await raw(url, { range: 'bytes=10-19' });
    expect([part.status, part.body]).toEqual([206, whole.body.subarray(10, 20)]);
    expect((await raw(url, { 'if-none-match': head.headers.etag ?? '' })).status).toBe(304);
  });

  it('that a dead process left without their copy are removed by the next start', async () => {
    const orphans = [`${NAME}.64.webp`, `${STEM}.jpg.1024.webp`];
    const others = [`${OTHER}.webp`, `${OTHER}.webp.64.webp`, 'c.65.webp', `${STEM}.64.webp.txt`];
    const { kept } = await open({ before: [...others, ...orphans] });
    await expect.poll(kept).toEqual([...others].sort());
  });
});

describe('a thumbnail', () => {
  it('is asked for in one of five widths, and in no other way', async () => {
    const { gateway, kept, keep } = await onFiles();
    keep(NAME, large);
    keep(`${STEM}.mp4`, large);
    keep(`${STEM}.gif`, large);
    const paths = [
      '63',
      '65',
      '0',
      '-64',
      '064',
      '64.0',
      '+64',
      '6e1',
      '64px',
      '64,128',
      '',
      '.',
      '..',
      '%00',
      'x',
    ];
    const wrong = [
      ...paths.map((width) => `${NAME}/${width}`),
      ...[`${NAME}/64/`, `${NAME}/64/64`, `${NAME}/../${NAME}/64`, `${NAME}.64.webp`, `${NAME}.64.webp/64`],
      ...[
        `${STEM}/64`,
        `${STEM}.mp4/64`,
        `${STEM}.gif/64`,
        `${OTHER}.png/64`,
        `../${NAME}/64`,
        `x/${NAME}/64`,
      ],
    ];
    for (const path of wrong) {
      const { status, headers } = await raw(`${gateway.url}/media/${path}`);
      expect([status, headers['cache-control']], path).toEqual([404, 'no-store']);
    }
    expect(kept()).toHaveLength(3);
    expect((await raw(`${gateway.url}/media/${NAME}/%36%34?width=9999`)).status).toBe(200);
    expect((await fetch(`${gateway.url}/media/${NAME}/64`, { method: 'POST' })).status).toBe(404);
    expect(kept()).toHaveLength(4);
  });

  it('of a width that is too small or too large is refused', async () => {
    const { gateway } = await onFiles();
    const { id } = await archived({ gateway, keep: () => {} });
    for (const width of [15, 1025, 0, -1, 2_147_483_647]) {
      const query = `{ job(id: "${id}") { result { archived thumbnailUrl(width: ${width}) } } }`;
      const { body } = await ask(gateway.url, query);
      expect(body.data).toEqual({ job: { result: { archived: true, thumbnailUrl: null } } });
      expect(body.errors).toMatchObject([
        {
          path: ['job', 'result', 'thumbnailUrl'],
          extensions: {
            code: 'BAD_USER_INPUT',
            fieldErrors: [{ path: 'width', code: 'WIDTH_INVALID', message: 'must be from 16 to 1024' }],
          },
        },
      ]);
    }
  });

  it('is null for a video, and where there is no copy', async () => {
    const { gateway } = await onFiles();
    const at = (name: string): string => `${gateway.sandbox.url}/samples/${name}`;
    const { submitFaceSwapPlus } = await dataOf(
      ask<{ submitFaceSwapPlus: { job: { id: string } } }, unknown>(
        gateway.url,
        `mutation { submitFaceSwapPlus(input: {
          sourceUrl: "${at('source-face.png')}", targetUrl: "${at('clip.mp4')}", singleFaceMode: true
        }) { job { id } } }`,
      ),
    );
    const gate = gateway.sandbox.hold('media');
    const { id } = submitFaceSwapPlus.job;
    await follow(gateway.url, id);
    const query = `{ job(id: "${id}") { result { archived contentType thumbnailUrl downloadUrl } } }`;
    expect(await dataOf(ask(gateway.url, query))).toMatchObject({
      job: { result: { archived: false, thumbnailUrl: null, downloadUrl: null } },
    });
    gate.release();
    await expect.poll(async () => (await lookUp(gateway.url, id)).result?.archived).toBe(true);
    expect(await dataOf(ask(gateway.url, query))).toMatchObject({
      job: { result: { contentType: 'video/mp4', thumbnailUrl: null, downloadUrl: expect.any(String) } },
    });
  });

  it.each<[string, () => Buffer]>([
    ['cut off', () => large.subarray(0, large.length / 2)],
    ['not one at all', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['larger than any memory', () => flatPng(60_000, 60_000, { data: Buffer.alloc(10) })],
  ])('of a picture that is %s is not there, and not tried again', async (_what, bytes) => {
    const read: string[] = [];
    const { gateway, lines, keep, kept } = await onFiles({
      wrap: (archive) => noting(archive, 'read', read),
    });
    keep(NAME, bytes());
    for (const width of [64, 320, 64]) {
      expect((await raw(`${gateway.url}/media/${NAME}/${width}`)).status).toBe(404);
    }
    expect(read).toEqual([NAME]);
    expect(kept()).toEqual([NAME]);
    const said = lines.filter(
      ({ msg }) => msg === 'a kept result has no thumbnails, because it cannot be drawn',
    );
    expect(said).toHaveLength(1);
    // Whoever reads the log must not get the picture.
    expect(JSON.stringify(lines)).not.toContain(STEM);
  });

  it('is made once for all who ask at the same time', async () => {
    const written: string[] = [];
    const { gateway, keep } = await onFiles({ wrap: (archive) => noting(archive, 'write', written) });
    keep(NAME, large);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => raw(`${gateway.url}/media/${NAME}/320`)),
    );
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.toString('hex')}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect(written).toEqual([`${NAME}.320.webp`]);
  });

  it('does not outlive a copy that is erased while it is made', async () => {
    const drawn = new Gate();
    const written = new Gate();
    const stage = await onFiles({
      wrap: (archive) =>
        withMethods(archive, {
          write: async (name, content, options) => {
            if (!name.endsWith('.webp')) return archive.write(name, content, options);
            await drawn.pass();
            await archive.write(name, content, options);
            await written.pass();
          },
        }),
    });
    const { url } = stage.gateway;
    const { id, name } = await archived(stage);
    const asked = [64, 128].map((width) => raw(`${url}/media/${name}/${width}`));
    await drawn.arrived(2);
    await deleteJob(url, id);
    expect(stage.kept()).toEqual([]);
    drawn.open();
    await written.arrived(2);
    expect(stage.kept()).toEqual([`${name}.128.webp`, `${name}.64.webp`]);
    // The copy is gone, so its thumbnail is, though it is there.
    expect((await raw(`${url}/media/${name}/64`)).status).toBe(404);
    written.open();
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([404, 404]);
    expect(stage.kept()).toEqual([]);
  });
});

describe('thumbnails that cannot be made at once', () => {
  /** Reading copies waits at the gate. */
  async function held() {
    const gate = new Gate();
    const read: string[] = [];
    const found: string[] = [];
    const wrap = (archive: BlobStore): BlobStore =>
      withMethods(archive, {
        find: async (name, signal) => {
          const blob = await archive.find(name, signal);
          found.push(name);
          return blob;
        },
        read: async (name, ...rest) => {
          if (!name.endsWith('.webp')) {
            read.push(name);
            await gate.pass();
          }
          return archive.read(name, ...rest);
        },
      });
    return { ...(await onFiles({ wrap })), gate, read, found };
  }

  it('wait, at most 500 of them; others are told to come again', async () => {
    const { gateway, keep, gate, read, found } = await held();
    for (const name of [NAME, `${OTHER}.png`]) keep(name, large);
    const waiting = Array.from({ length: 500 }, () => raw(`${gateway.url}/media/${NAME}/64`));
    await gate.arrived();
    // The copy and the thumbnail, and the copy again when it is read.
    await expect.poll(() => found.length).toBe(2 * 500 + 1);
    const { status, headers, body } = await raw(`${gateway.url}/media/${OTHER}.png/64`);
    expect([status, headers['retry-after'], headers['cache-control']]).toEqual([503, '5', 'no-store']);
    expect(JSON.parse(body.toString())).toEqual({
      errors: [
        {
          message: 'Too many thumbnails are being made right now; try again later.',
          extensions: { code: 'ARCHIVE_UNAVAILABLE', retryAfterSeconds: 5 },
        },
      ],
    });
    gate.open();
    expect(new Set((await Promise.all(waiting)).map((answer) => answer.status))).toEqual(new Set([200]));
    expect(read).toEqual([NAME]);
  });

  it('are not made for those who have left, unless they have been begun', async () => {
    const { gateway, keep, kept, gate, read, found } = await held();
    const names = ['a', 'b', 'c', 'd', 'e'].map((letter) => `${letter.repeat(43)}.png`);
    for (const name of names) keep(name, large);
    const [a, b, c, d, e] = names.map((name) => `${gateway.url}/media/${name}/64`) as [string, ...string[]];
    const leaving = new AbortController();
    const leave = (url = ''): Promise<unknown> => raw(url, {}, 'GET', leaving.signal).catch(() => {});
    // One after the other, because each comes by a connection of its own.
    const left = [leave(a)];
    await gate.arrived(1);
    left.push(leave(b));
    await gate.arrived(2);
    left.push(leave(c), leave(d));
    await expect.poll(() => found.length).toBe(4 * 2 + 2);
    leaving.abort();
    await Promise.all(left);
    // After these, the gateway has noticed.
    for (let times = 0; times < 3; times += 1) await raw(`${gateway.url}/healthz`);
    const last = raw(e ?? '');
    gate.open();
    expect((await last).status).toBe(200);
    const made = ['a', 'b', 'e'].map((letter) => `${letter.repeat(43)}.png`);
    expect(read).toEqual(made);
    await expect
      .poll(() => kept().filter((name) => name.endsWith('.webp')))
      .toEqual(made.map((name) => `${name}.64.webp`));
  });
});

/** An archive that notes the names of one kind of call. */
function noting(archive: BlobStore, method: 'read' | 'write', names: string[]): BlobStore {
  const call = archive[method].bind(archive) as (...parameters: never[]) => never;
  return withMethods(archive, {
    [method]: (...parameters: never[]) => {
      names.push(String(parameters[0]));
      return call(...parameters);
    },
  });
}
