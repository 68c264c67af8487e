/** Serving kept results: the same from a folder and from a bucket, and what happens without the bucket. */
import { createHash } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { picture } from '../services/media/blob-store.contract.js';
import { ask, dataOf, follow, lookUp, submit } from '../support/caller.js';
import { OPEN_TO_PAGES } from '../support/cross-origin.js';
import { clockAhead, startGateway, type TestGateway } from '../support/harness.js';
import { bucketSettings, type S3Twin, startS3Twin } from '../support/s3-twin.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Stage {
  readonly gateway: TestGateway;
  readonly lines: Record<string, unknown>[];
  /** Names of the kept results. */
  kept(): readonly string[];
  keep(name: string, bytes: Buffer): void;
}

async function start(env: Record<string, string>): Promise<Pick<Stage, 'gateway' | 'lines'>> {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const gateway = await startGateway({ env, overrides: { log } });
  ends.push(() => gateway.stop());
  return { gateway, lines };
}

async function onFiles(): Promise<Stage> {
  const { gateway, lines } = await start({});
  const dir = join(gateway.dir, 'archive');
  return {
    gateway,
    lines,
    kept: () => readdirSync(dir).filter((name) => !['.unfinished', 'uploads'].includes(name)),
    keep: (name, bytes) => writeFileSync(join(dir, name), bytes),
  };
}

async function startTwin(): Promise<S3Twin> {
  const twin = await startS3Twin();
  ends.push(() => twin.stop());
  return twin;
}

async function onBucket(): Promise<Stage & { readonly twin: S3Twin }> {
  const twin = await startTwin();
  const { gateway, lines } = await start({ ...bucketSettings(twin), ARCHIVE_S3_PREFIX: '/swaps/' });
  twin.calls.length = 0;
  return {
    gateway,
    lines,
    twin,
    kept: () => [...twin.objects.keys()].map((key) => key.replace('swaps/', '')),
    keep: (name, bytes) =>
      void twin.objects.set(`swaps/${name}`, {
        bytes,
        contentType: 'image/png',
        etag: '"kept"',
        modifiedAt: new Date(),
      }),
  };
}

/** A finished job with an archived result. */
async function archived({ gateway }: Stage): Promise<{ id: string; url: string; providerUrl: string }> {
  const { id } = await submit(gateway.url);
  await follow(gateway.url, id);
  await expect.poll(async () => (await lookUp(gateway.url, id)).result?.archived).toBe(true);
  const { result } = await lookUp(gateway.url, id);
  return { id, url: result?.url ?? '', providerUrl: result?.providerUrl ?? '' };
}

const bytesAt = async (url: string, headers: Record<string, string> = {}): Promise<Buffer> =>
  Buffer.from(await (await fetch(url, { headers })).arrayBuffer());

const NAME = `${'a'.repeat(43)}.png`;

interface Raw {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Not by fetch, which adds headers to conditional requests. */
function raw(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, async (response) => {
      const body: Buffer[] = [];
      try {
        for await (const chunk of response) body.push(chunk);
      } catch (error) {
        return reject(error);
      }
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(body) });
    });
    request.on('error', reject).end();
  });
}

describe.each<[string, () => Promise<Stage>]>([
  ['a folder', onFiles],
  ['a bucket', onBucket],
])('a result that is kept in %s', (_where, open) => {
  it('is served under an address that nobody can guess, until its job is deleted', async () => {
    const stage = await open();
    const { id, url, providerUrl } = await archived(stage);
    expect(url).toMatch(new RegExp(`^${stage.gateway.url}/media/[\\w-]{43}\\.png$`));
    expect(stage.kept()).toEqual([url.split('/').at(-1)]);
    const copy = await bytesAt(url);
    expect(copy.equals(await bytesAt(providerUrl))).toBe(true);
    const { job } = await dataOf(
      ask<{ job: { result: Record<string, unknown> } }, unknown>(
        stage.gateway.url,
        'query ($id: ID!) { job(id: $id) { result { contentType byteSize sha256 } } }',
        { id },
      ),
    );
    expect(job.result).toEqual({
      contentType: 'image/png',
      byteSize: copy.length,
      sha256: createHash('sha256').update(copy).digest('hex'),
    });
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${copy.length}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(copy.subarray(10, 20))).toBe(true);

    await dataOf(ask(stage.gateway.url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id }));
    expect(stage.kept()).toEqual([]);
    const gone = await raw(url);
    const never = await raw(`${stage.gateway.url}/media/${NAME}`);
    expect([gone.status, gone.body]).toEqual([404, never.body]);
  });

  it('has the headers of something that never changes and must not run', async () => {
    const stage = await open();
    stage.keep(NAME, picture(1000));
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, body } = await raw(`${stage.gateway.url}/media/${NAME}`, {}, method);
      expect([status, body.length]).toEqual([200, method === 'GET' ? 1000 : 0]);
      expect(headers).toMatchObject({
        'content-type': 'image/png',
        'content-length': '1000',
        'accept-ranges': 'bytes',
        'cache-control': 'private, max-age=31536000, immutable',
        'content-security-policy': "default-src 'none'; sandbox",
        'cross-origin-resource-policy': 'cross-origin',
        ...OPEN_TO_PAGES,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        etag: expect.stringMatching(/^"[\w-]+"$/),
        'last-modified': expect.stringMatching(/ GMT$/),
      });
    }
  });

  it('is not sent to whoever has it, and not to whoever wants another', async () => {
    const stage = await open();
    stage.keep(NAME, picture(1000));
    const url = `${stage.gateway.url}/media/${NAME}`;
    const { etag = '', 'last-modified': modified = '' } = (await raw(url, {}, 'HEAD')).headers;
    for (const known of [{ 'if-none-match': etag }, { 'if-modified-since': modified }]) {
      const { status, headers, body } = await raw(url, known);
      expect([status, body.length]).toEqual([304, 0]);
      expect(headers).toMatchObject({ etag, 'cache-control': 'private, max-age=31536000, immutable' });
    }
    const other = await raw(url, { 'if-match': '"another"' });
    expect([other.status, other.headers['cache-control']]).toEqual([412, 'no-store']);
  });

  it('tells pages of other origins why it is not sent', async () => {
    const stage = await open();
    stage.keep(NAME, picture(1000));
    const url = `${stage.gateway.url}/media/${NAME}`;
    for (const [address, sent, status] of [
      [url, { range: 'bytes=1000-' }, 416],
      [url, { 'if-match': '"another"' }, 412],
      [`${url}/63`, {}, 404],
      [url.replace('aa', 'bb'), {}, 404],
      [`${stage.gateway.url}/media/x`, {}, 404],
    ] as const) {
      const { status: answered, headers } = await raw(address, {
        ...sent,
        origin: 'https://app.example.com',
      });
      expect([address, answered, headers]).toMatchObject([address, status, OPEN_TO_PAGES]);
    }
  });

  it('is served in ranges, and says so when there is no such range', async () => {
    const stage = await open();
    const whole = picture(1000);
    stage.keep(NAME, whole);
    const url = `${stage.gateway.url}/media/${NAME}`;
    for (const [range, from, to] of [
      ['bytes=0-9', 0, 9],
      ['bytes=100-', 100, 999],
      ['bytes=-5', 995, 999],
      ['bytes=0-2000', 0, 999],
    ] as const) {
      const { status, headers, body } = await raw(url, { range });
      expect([status, headers['content-range']]).toEqual([206, `bytes ${from}-${to}/1000`]);
      expect(headers['content-length']).toBe(String(to - from + 1));
      expect(body.equals(whole.subarray(from, to + 1))).toBe(true);
    }
    const none = await raw(url, { range: 'bytes=1000-' });
    expect([none.status, none.headers['content-range']]).toEqual([416, 'bytes */1000']);
    expect(none.headers['cache-control']).toBe('no-store');
    expect((await raw(url, { range: 'bytes=0-9', 'if-range': '"another"' })).status).toBe(200);
  });

  it('is not there when it is nobody', async () => {
    const stage = await open();
    stage.keep('plain.png', picture(100));
    for (const path of [NAME, `${'a'.repeat(43)}.`, 'plain.png', '.start-x.txt', '%2e%2e%2fplain.png']) {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers } = await raw(`${stage.gateway.url}/media/${path}`, {}, method);
        expect([status, headers['cache-control']], path).toEqual([404, 'no-store']);
      }
    }
  });

  it('goes on being served after a reader that left', async () => {
    const stage = await open();
    stage.keep(NAME, picture(8 * 1024 * 1024));
    const url = `${stage.gateway.url}/media/${NAME}`;
    const request = http.get(url, { agent: false });
    const response = await new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
    response.on('error', () => {}).destroy();
    if ('twin' in stage) await expect.poll(() => (stage as { twin: S3Twin }).twin.underWay).toBe(0);
    expect((await raw(url)).body.length).toBe(8 * 1024 * 1024);
  });
});

describe('a gateway whose bucket fails', () => {
  it.each(['error', 'denied', 'reset'] as const)(
    'answers 503 after %s, and tells the log alone what is wrong',
    async (trouble) => {
      const stage = await onBucket();
      stage.keep(NAME, picture(1000));
      for (const operation of ['HeadObject', 'GetObject'] as const) {
        stage.twin.heal();
        stage.lines.length = 0;
        stage.twin.trouble(operation, trouble);
        const { status, headers, body } = await raw(`${stage.gateway.url}/media/${NAME}`);
        expect(status).toBe(503);
        expect(headers).toMatchObject({ 'cache-control': 'no-store', 'retry-after': '5' });
        expect(JSON.parse(body.toString())).toEqual({
          errors: [
            {
              message: 'The file cannot be read right now; try again later.',
              extensions: { code: 'ARCHIVE_UNAVAILABLE' },
            },
          ],
        });
        const [line] = stage.lines.filter(({ msg }) => msg === 'a stored file could not be read');
        expect(line).toMatchObject({ err: { type: 'S3Error', message: expect.stringContaining(operation) } });
        const logged = JSON.stringify(stage.lines);
        for (const secret of [stage.twin.key.accessKeyId, stage.twin.key.secretAccessKey, NAME]) {
          expect(logged).not.toContain(secret);
        }
      }
      stage.twin.heal();
      expect((await raw(`${stage.gateway.url}/media/${NAME}`)).status).toBe(200);
    },
  );

  it('cuts an answer that breaks off, so that nobody takes it for whole', async () => {
    const stage = await onBucket();
    stage.keep(NAME, picture(1024 * 1024));
    stage.twin.trouble('GetObject', 'cut');
    await expect(raw(`${stage.gateway.url}/media/${NAME}`)).rejects.toThrow();
    stage.twin.heal();
    expect((await raw(`${stage.gateway.url}/media/${NAME}`)).status).toBe(200);
  });

  it('lets go of S3 when whoever asked has left before it answered', async () => {
    const stage = await onBucket();
    stage.twin.trouble('HeadObject', 'hang');
    const request = http.get(`${stage.gateway.url}/media/${NAME}`, { agent: false });
    request.on('error', () => {});
    await expect.poll(() => stage.twin.underWay).toBe(1);
    request.destroy();
    await expect.poll(() => stage.twin.underWay).toBe(0);
    expect(stage.lines.filter(({ msg }) => msg === 'a stored file could not be read')).toEqual([]);
  });

  it('serves all else, is ready, and makes the copy when the bucket is back', async () => {
    const stage = await onBucket();
    stage.twin.trouble('PutObject', 'error');
    const { id } = await submit(stage.gateway.url);
    await follow(stage.gateway.url, id);
    await expect.poll(() => stage.lines.map(({ msg }) => msg)).toContain('a result could not be kept');
    expect((await fetch(`${stage.gateway.url}/readyz`)).status).toBe(200);
    expect((await lookUp(stage.gateway.url, id)).status).toBe('COMPLETED');
    stage.twin.heal();
    await expect.poll(async () => (await lookUp(stage.gateway.url, id)).result?.archived).toBe(true);
    expect(stage.kept()).toHaveLength(1);
  });

  it('deletes a job at once, and its copy when the bucket is back', async () => {
    const twin = await startTwin();
    let ahead = 0;
    const clock = clockAhead(() => ahead);
    const gateway = await startGateway({
      env: { ...bucketSettings(twin), ARCHIVE_S3_PREFIX: '/swaps/' },
      overrides: { clock },
    });
    ends.push(() => gateway.stop());
    const stage = { gateway, lines: [], kept: () => [...twin.objects.keys()], keep: () => {} };
    const { id } = await archived(stage);
    twin.trouble('DeleteObject', 'denied');
    await dataOf(ask(gateway.url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id }));
    expect((await dataOf(ask(gateway.url, `{ job(id: "${id}") { id } }`))) as unknown).toEqual({ job: null });
    expect(twin.objects.size).toBe(1);
    twin.heal();
    await expect
      .poll(() => {
        ahead += 60_000;
        return twin.objects.size;
      })
      .toBe(0);
  });

  it('stops at once while S3 does not answer', async () => {
    const stage = await onBucket();
    stage.twin.trouble('PutObject', 'hang');
    await submit(stage.gateway.url);
    await expect.poll(() => stage.twin.calls).toContain('PutObject');
    await stage.gateway.stop();
    await expect.poll(() => stage.twin.underWay).toBe(0);
    expect(stage.kept()).toEqual([]);
  });
});
