/** Sending files to the gateway and fetching them: the same from a folder and from a bucket. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SAMPLE_VIDEO } from '../../src/sandbox/sample-video.js';
import type { UploadStore } from '../../src/services/uploads/upload-store.js';
import { picture } from '../services/media/blob-store.contract.js';
import { exifSegment, smallJpeg, withSegments } from '../services/pictures/files.js';
import { ask, dataOf } from '../support/caller.js';
import { OPEN_TO_PAGES } from '../support/cross-origin.js';
import { Gate, until } from '../support/gate.js';
import { clockAhead, withMethods } from '../support/harness.js';
import { postgresUrl, withDatabase } from '../support/services.js';
import {
  type Announced,
  beginPut,
  noise,
  PNG,
  type PutAnswer,
  put,
  putInChunks,
  sha256,
  type UploadStage,
  uploadsInBucket,
  uploadsOnFiles,
} from '../support/uploads.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Open = typeof uploadsOnFiles;

async function start<Stage extends UploadStage>(opening: Promise<Stage>): Promise<Stage> {
  const stage = await opening;
  ends.push(() => stage.stop());
  return stage;
}

const HALF = Math.trunc(PNG.length / 2);

/** Waits for the cleaning up, which goes on after the answer. */
async function expectNothingLeft(stage: UploadStage): Promise<void> {
  await expect.poll(() => stage.unfinished()).toEqual([]);
  expect(stage.stored()).toEqual([]);
}

/** What was refused can be sent again at once. */
async function expectTaken(upload: Announced, bytes: Uint8Array = PNG): Promise<void> {
  expect((await put(upload.putUrl, bytes)).status).toBe(201);
}

type Refused = readonly [
  what: string,
  announced: { readonly contentType?: string; readonly byteSize?: number; readonly sha256?: string },
  send: (url: string) => Promise<PutAnswer>,
  status: number,
  code: string,
];

const REFUSED: readonly Refused[] = [
  [
    'a body that is longer than announced',
    { byteSize: PNG.length - 1 },
    (url) => put(url, PNG),
    400,
    'LENGTH_MISMATCH',
  ],
  ['a body that is shorter', {}, (url) => put(url, PNG.subarray(1)), 400, 'LENGTH_MISMATCH'],
  ['no body', {}, (url) => put(url, PNG.subarray(0, 0)), 400, 'LENGTH_MISMATCH'],
  ['more chunks than announced', {}, (url) => putInChunks(url, picture(100_000)), 400, 'LENGTH_MISMATCH'],
  ['fewer chunks', {}, (url) => putInChunks(url, PNG.subarray(1)), 400, 'LENGTH_MISMATCH'],
  ['no chunks', {}, (url) => putInChunks(url, PNG.subarray(0, 0)), 400, 'LENGTH_MISMATCH'],
  [
    'a body of another hash',
    { sha256: sha256(Buffer.from('x')) },
    (url) => put(url, PNG),
    400,
    'HASH_MISMATCH',
  ],
  ['a body above the limit', { byteSize: 50_000 }, (url) => put(url, picture(50_001)), 413, 'TOO_LARGE'],
  [
    'chunks above the limit',
    { byteSize: 50_000 },
    (url) => putInChunks(url, picture(90_000)),
    413,
    'TOO_LARGE',
  ],
  ['endless tiny chunks', { byteSize: 50_000 }, tinyChunks, 413, 'TOO_LARGE'],
  ['text', {}, (url) => put(url, Buffer.alloc(PNG.length, 'x')), 415, 'MEDIA_UNSUPPORTED'],
  [
    'a video instead of a picture',
    { byteSize: SAMPLE_VIDEO.length },
    (url) => put(url, SAMPLE_VIDEO),
    415,
    'MEDIA_UNSUPPORTED',
  ],
  [
    'a picture instead of a video',
    { contentType: 'video/mp4' },
    (url) => put(url, PNG),
    415,
    'MEDIA_UNSUPPORTED',
  ],
  ['a compressed body', {}, (url) => put(url, PNG, { 'content-encoding': 'gzip' }), 415, 'MEDIA_UNSUPPORTED'],
  [
    'a form',
    {},
    (url) => put(url, PNG, { 'content-type': 'multipart/form-data; boundary=x' }),
    415,
    'MEDIA_UNSUPPORTED',
  ],
  ['a broken file', {}, (url) => put(url, brokenPicture()), 422, 'MEDIA_BROKEN'],
];

const postgres = await postgresUrl();

describe.skipIf(postgres === null).each<[string, Open]>([
  ['a folder', uploadsOnFiles],
  ['a bucket', uploadsInBucket],
])('a file that is sent to a gateway with PostgreSQL and %s', (_where, open) => {
  it('is taken once, whole, from one sender at a time, until it is deleted', async () => {
    const database = await withDatabase(postgres ?? '');
    ends.push(() => database.drop());
    const stage = await start(open({ env: { DATABASE_URL: database.url } }));
    const upload = await stage.announce({ sha256: sha256(PNG) });
    expect((await put(upload.putUrl, PNG.subarray(1))).json['code']).toBe('LENGTH_MISMATCH');
    expect((await put(upload.putUrl, Buffer.alloc(PNG.length))).json['code']).toBe('HASH_MISMATCH');
    const first = beginPut(upload.putUrl, { 'content-length': PNG.length });
    await first.send(PNG.subarray(0, HALF));
    await until(() => stage.unfinished().length > 0);
    expect((await put(upload.putUrl, PNG)).json['code']).toBe('IN_PROGRESS');
    first.request.destroy();
    await expectNothingLeft(stage);
    await expect.poll(async () => (await put(upload.putUrl, PNG)).status).toBe(201);
    expect((await put(upload.putUrl, PNG)).status).toBe(200);
    const served = await fetch(upload.url);
    expect(Buffer.from(await served.arrayBuffer()).equals(PNG)).toBe(true);
    const query = `mutation { deleteUpload(id: "${upload.id}") }`;
    await dataOf(ask(stage.gateway.url, query));
    expect((await fetch(upload.url)).status).toBe(404);
    expect((await put(upload.putUrl, PNG)).status).toBe(404);
    await expectNothingLeft(stage);
  });
});

describe.each<[string, Open]>([
  ['a folder', uploadsOnFiles],
  ['a bucket', uploadsInBucket],
])('a file that is sent to a gateway with %s', (_where, open) => {
  it('is stored, and served from then on, to whoever has its name', async () => {
    const stage = await start(open());
    const bytes = noise(200_000);
    const upload = await stage.announce({ byteSize: bytes.length, sha256: sha256(bytes) });
    expect((await fetch(upload.url)).status).toBe(404);
    const { status, json, headers } = await put(upload.putUrl, bytes);
    expect(status).toBe(201);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(json).toEqual({
      id: upload.id,
      url: upload.url,
      contentType: 'image/png',
      byteSize: bytes.length,
      width: 448,
      height: 448,
      durationSeconds: null,
      sha256: sha256(bytes),
    });
    expect(stage.stored()).toEqual([`${upload.name}.png`]);
    expect(stage.unfinished()).toEqual([]);

    for (const url of [upload.url, `${stage.gateway.url}/uploads/${upload.name}`]) {
      const served = await fetch(url);
      expect([served.status, Buffer.from(await served.arrayBuffer()).equals(bytes)]).toEqual([200, true]);
      expect(Object.fromEntries(served.headers)).toMatchObject({
        'content-type': 'image/png',
        'content-length': String(bytes.length),
        'accept-ranges': 'bytes',
        'cache-control': 'private, no-store',
        'x-robots-tag': 'noindex',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
        'cross-origin-resource-policy': 'cross-origin',
        ...OPEN_TO_PAGES,
        'referrer-policy': 'no-referrer',
      });
    }
    const head = await fetch(upload.url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
    const part = await fetch(upload.url, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${bytes.length}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true);
    expect((await fetch(upload.url, { headers: { range: `bytes=${bytes.length}-` } })).status).toBe(416);
  });

  it('is served as what it is, and as what was made of it', async () => {
    const stage = await start(open());
    // A phone held upright, and a name that is wrong.
    const photo = withSegments(smallJpeg(), exifSegment(6));
    const upload = await stage.announce({ byteSize: photo.length, sha256: sha256(photo) });
    const { status, json } = await put(upload.putUrl, photo);
    expect([status, json]).toEqual([
      201,
      expect.objectContaining({ contentType: 'image/jpeg', width: 8, height: 16, durationSeconds: null }),
    ]);
    const served = await fetch(upload.url);
    const bytes = Buffer.from(await served.arrayBuffer());
    expect([served.headers.get('content-type'), bytes.length, sha256(bytes)]).toEqual([
      'image/jpeg',
      json['byteSize'],
      json['sha256'],
    ]);
    expect(bytes.includes('Exif')).toBe(false);
    expect(stage.stored()).toEqual([`${upload.name}.jpg`]);

    const film = await stage.announce({ contentType: 'video/quicktime', byteSize: SAMPLE_VIDEO.length });
    expect((await put(film.putUrl, SAMPLE_VIDEO)).json).toMatchObject({
      contentType: 'video/mp4',
      width: 160,
      height: 160,
      durationSeconds: 2,
      sha256: sha256(SAMPLE_VIDEO),
    });
    expect(stage.unfinished()).toEqual([]);
  });

  it('is answered in the same way when it is sent again, before its bytes are read', async () => {
    const stage = await start(open());
    const upload = await stage.announce();
    const first = await put(upload.putUrl, PNG);
    const again = await put(upload.putUrl, PNG);
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.json).toEqual(first.json);
    // Nothing of this body is sent, and its length does not matter any more.
    const unsent = beginPut(upload.putUrl, { 'content-length': 150_000_000 });
    const { status, json, headers } = await unsent.answer;
    expect([status, json, headers.connection]).toEqual([200, first.json, 'close']);
    expect(stage.stored()).toHaveLength(1);
  });

  it('is found only by its own secrets, each for what it is', async () => {
    const stage = await start(open());
    const upload = await stage.announce();
    const { url } = stage.gateway;
    const unknown = { code: 'NOT_FOUND', message: expect.any(String) };
    for (const path of [upload.name, 'x'.repeat(40), '..%2f..%2fgateway.db', 'x']) {
      const { status, json } = await put(`${url}/uploads/${path}`, PNG);
      expect([path, status, json]).toEqual([path, 404, unknown]);
    }
    await expectTaken(upload);
    for (const path of [upload.putToken, `${upload.name}x`, '.arriving', `${upload.name}.png.png`]) {
      expect([path, (await fetch(`${url}/uploads/${path}`)).status]).toEqual([path, 404]);
    }
    // Results and uploads are kept apart.
    expect((await fetch(`${url}/media/${upload.name}.png`)).status).toBe(404);
    expect((await fetch(`${url}/media/uploads%2f${upload.name}.png`)).status).toBe(404);
  });

  it('is not taken if it is not what was announced, or nothing that can be used, and that leaves nothing', async () => {
    const stage = await start(open({ env: { UPLOAD_MAX_IMAGE_BYTES: '50000' } }));
    for (const [what, announced, send, status, code] of REFUSED) {
      const upload = await stage.announce(announced);
      const answer = await send(upload.putUrl);
      expect([what, answer.status, answer.json]).toEqual([
        what,
        status,
        { code, message: expect.stringMatching(/\.$/) },
      ]);
      await expectNothingLeft(stage);
      expect((await fetch(upload.url)).status).toBe(404);
    }
    // It can be sent again, whatever was sent before.
    const upload = await stage.announce();
    for (const [, announced, send, status] of REFUSED) {
      if (Object.keys(announced).length === 0) expect((await send(upload.putUrl)).status).toBe(status);
    }
    await expectTaken(upload);
  });

  it('leaves nothing when its senders stop in the middle, and can be sent again', async () => {
    const stage = await start(open());
    const bytes = noise(300_000);
    const uploads = await Promise.all(
      Array.from({ length: 20 }, () => stage.announce({ byteSize: bytes.length })),
    );
    const senders = uploads.map(({ putUrl }, i) =>
      beginPut(putUrl, i % 2 === 0 ? { 'content-length': bytes.length } : {}),
    );
    await Promise.all(senders.map((sender) => sender.send(bytes.subarray(0, 150_000))));
    await until(() => stage.unfinished().length === 20);
    for (const [i, { request }] of senders.entries()) {
      if (i % 3 === 0) request.socket?.resetAndDestroy();
      else request.destroy();
    }
    await expectNothingLeft(stage);
    for (const upload of uploads) await expectTaken(upload, bytes);
    expect(stage.stored()).toHaveLength(20);
    expect(stage.lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  it('is taken from one sender at a time', async () => {
    const stage = await start(open());
    const upload = await stage.announce();
    const first = beginPut(upload.putUrl, { 'content-length': PNG.length });
    await first.send(PNG.subarray(0, HALF));
    await until(() => stage.unfinished().length === 1);
    const second = await put(upload.putUrl, PNG);
    expect([second.status, second.json['code']]).toEqual([409, 'IN_PROGRESS']);
    await first.send(PNG.subarray(HALF));
    first.end();
    expect((await first.answer).status).toBe(201);
  });

  it('is not taken when its time is over, but may take longer once it has begun', async () => {
    let ahead = 0;
    const stage = await start(open({ overrides: { clock: clockAhead(() => ahead) } }));
    const [late, begun] = [await stage.announce(), await stage.announce()];
    const sending = beginPut(begun.putUrl, { 'content-length': PNG.length });
    await sending.send(PNG.subarray(0, HALF));
    await until(() => stage.unfinished().length === 1);
    ahead = 16 * 60_000;
    await sending.send(PNG.subarray(HALF));
    expect((await sending.answer).status).toBe(201);
    const { status, json } = await put(late.putUrl, PNG);
    expect([status, json['code']]).toEqual([410, 'EXPIRED']);
    expect(stage.stored()).toHaveLength(1);
  });

  it('is gone when it was deleted while it was sent', async () => {
    const stage = await start(open());
    const upload = await stage.announce();
    const sending = beginPut(upload.putUrl, { 'content-length': PNG.length });
    await sending.send(PNG.subarray(0, HALF));
    await until(() => stage.unfinished().length === 1);
    expect(await stage.records.discard('default', upload.id, Date.now())).toBe('discarded');
    await sending.send(PNG.subarray(HALF));
    const { status, json } = await sending.answer;
    expect([status, json['code']]).toEqual([404, 'NOT_FOUND']);
    await expectNothingLeft(stage);
  });

  it('is removed again when it was deleted while it was stored', async () => {
    const gate = new Gate();
    const stage = await start(open({ overrides: { wrapUploadStore: holdingFinish(gate) } }));
    const upload = await stage.announce();
    const answer = put(upload.putUrl, PNG);
    await gate.arrived();
    expect(stage.stored()).toEqual([`${upload.name}.png`]);
    expect(await stage.records.discard('default', upload.id, Date.now())).toBe('discarded');
    gate.open();
    expect((await answer).json['code']).toBe('NOT_FOUND');
    await expectNothingLeft(stage);
  });

  it('stays when it is unknown whether it was recorded, and is there when its sender asks again', async () => {
    let isFailing = true;
    const stage = await start(
      open({
        overrides: {
          wrapUploadStore: (store) =>
            withMethods(store, {
              finish: async (...args) => {
                const finished = await store.finish(...args);
                if (isFailing) throw new Error('the answer was lost');
                return finished;
              },
            }),
        },
      }),
    );
    const upload = await stage.announce();
    const { status, json, headers } = await put(upload.putUrl, PNG);
    expect([status, json['code'], headers['retry-after']]).toEqual([503, 'STORAGE_UNAVAILABLE', '5']);
    isFailing = false;
    expect((await put(upload.putUrl, PNG)).status).toBe(200);
    expect((await fetch(upload.url)).status).toBe(200);
  });

  it('is refused before it is sent, to a client that waits for that', async () => {
    const stage = await start(open());
    const upload = await stage.announce();
    const expecting = (length: number, url = upload.putUrl) =>
      beginPut(url, { expect: '100-continue', 'content-length': length });
    const refused = await expecting(PNG.length + 1).answer;
    expect([refused.status, refused.wasContinued]).toEqual([400, false]);
    const unknown = await expecting(PNG.length, `${stage.gateway.url}/uploads/${'x'.repeat(40)}`).answer;
    expect([unknown.status, unknown.wasContinued]).toEqual([404, false]);
    const welcome = expecting(PNG.length);
    welcome.request.once('continue', () => welcome.request.end(PNG));
    const taken = await welcome.answer;
    expect([taken.status, taken.wasContinued]).toEqual([201, true]);
    const again = await expecting(PNG.length).answer;
    expect([again.status, again.wasContinued]).toEqual([200, false]);
  });

  it('is told why it is refused, although it is still being sent', async () => {
    const stage = await start(open());
    const upload = await stage.announce({ contentType: 'video/mp4', byteSize: 30_000_000 });
    // `fetch` would report a broken connection.
    const response = await fetch(upload.putUrl, { method: 'PUT', body: picture(29_999_999) });
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'LENGTH_MISMATCH' }]);
  });

  it('has an end in its silence', async () => {
    let ahead = 0;
    const stage = await start(open({ overrides: { clock: clockAhead(() => ahead) } }));
    const upload = await stage.announce();
    const sending = beginPut(upload.putUrl, { 'content-length': PNG.length });
    await sending.send(PNG.subarray(0, HALF));
    await until(() => stage.unfinished().length === 1);
    let isAnswered = false;
    void sending.answer.then(() => {
      isAnswered = true;
    });
    await expect
      .poll(() => {
        // Beyond its silence, but not its address's life.
        if (ahead < 310_000) ahead += 31_000;
        return isAnswered;
      })
      .toBe(true);
    const { status, json } = await sending.answer;
    expect([status, json]).toEqual([
      400,
      {
        code: 'LENGTH_MISMATCH',
        message: expect.stringMatching(/; \d+ of \d+ bytes came\.$/),
      },
    ]);
    await expectNothingLeft(stage);
    await expectTaken(upload);
  });

  it('may still be sent while the gateway stops', async () => {
    const stage = await start(open({ env: { DRAIN_MS: '10000' } }));
    const upload = await stage.announce();
    const sending = beginPut(upload.putUrl, { 'content-length': PNG.length });
    await sending.send(PNG.subarray(0, HALF));
    await until(() => stage.unfinished().length === 1);
    const stopped = stage.gateway.stop();
    await expect
      .poll(() =>
        fetch(stage.gateway.url).then(
          () => 'served',
          () => 'refused',
        ),
      )
      .toBe('refused');
    await sending.send(PNG.subarray(HALF));
    expect((await sending.answer).status).toBe(201);
    await stopped;
  });

  it('is cut when the gateway stops and it takes too long, and leaves nothing', async () => {
    const stage = await start(open({ env: { DRAIN_MS: '100' } }));
    const upload = await stage.announce();
    const sending = beginPut(upload.putUrl, { 'content-length': PNG.length });
    await sending.send(PNG.subarray(0, HALF));
    await until(() => stage.unfinished().length === 1);
    await stage.stop();
    await expect(sending.answer).rejects.toThrow();
    expect(stage.unfinished()).toEqual([]);
    ends.splice(0);
  });
});

const KEY = 'a-key-of-acme-that-is-long-enough-for-it';

function holdingFinish(gate: Gate): (store: UploadStore) => UploadStore {
  return (store) =>
    withMethods(store, {
      finish: async (...args) => {
        await gate.pass();
        return store.finish(...args);
      },
    });
}

/** Sends bytes one by one, each in a chunk of its own. */
async function tinyChunks(url: string): Promise<PutAnswer> {
  const sending = beginPut(url);
  const piece = Buffer.from('1\r\nx\r\n'.repeat(40_000));
  sending.request.once('socket', (socket) => socket.once('connect', () => socket.write(piece)));
  return sending.answer;
}

function brokenPicture(): Buffer {
  const bytes = Buffer.from(PNG);
  bytes.write('BROKEN', HALF);
  return bytes;
}

describe('the address of an upload', () => {
  it('has no other methods', async () => {
    const stage = await start(uploadsOnFiles());
    const upload = await stage.announce();
    for (const method of ['POST', 'PATCH', 'DELETE']) {
      const { status, headers } = await fetch(upload.putUrl, { method });
      expect([method, status, headers.get('allow')]).toEqual([method, 405, 'GET, HEAD, PUT, OPTIONS']);
    }
  });

  it('may have the path of PUBLIC_URL before it', async () => {
    const stage = await start(uploadsOnFiles({ env: { PUBLIC_URL: 'http://127.0.0.1:9/swap' } }));
    const upload = await stage.announce();
    const under = (secret: string): string => `${stage.gateway.url}/swap/uploads/${secret}`;
    const { status, json } = await put(under(upload.putToken), PNG);
    expect([status, json['url']]).toEqual([201, `http://127.0.0.1:9/swap/uploads/${upload.name}.png`]);
    expect((await fetch(under(upload.name))).status).toBe(200);
  });

  it('works through a tunnel to an open gateway, which serves nothing else there', async () => {
    const stage = await start(uploadsOnFiles({ env: { PUBLIC_URL: 'https://tunnel.example.net' } }));
    const upload = await stage.announce();
    const outside = { host: 'tunnel.example.net', 'x-forwarded-for': '203.0.113.7' };
    expect((await put(upload.putUrl, PNG, outside)).status).toBe(201);
  });

  it('needs no credentials, and does not look at any', async () => {
    const stage = await start(uploadsOnFiles({ env: { AUTH_API_KEYS: `acme:${KEY}` } }));
    const upload = await stage.announce({}, KEY);
    expect((await put(upload.putUrl, PNG, { authorization: 'Bearer wrong' })).status).toBe(201);
    expect((await fetch(upload.url)).status).toBe(200);
  });

  it('is given only while the disk has room', async () => {
    const stage = await start(uploadsOnFiles({ env: { UPLOAD_MIN_FREE_BYTES: '100000000000000' } }));
    await expect(stage.announce()).rejects.toThrow('UPLOADS_UNAVAILABLE');
  });

  it.each([
    ['of an open gateway', {}, 'http://localhost:5173', 'https://evil.example.com'],
    [
      'of this machine, also with credentials',
      { AUTH_API_KEYS: `acme:${KEY}` },
      'http://localhost:4000',
      'https://evil.example.com',
    ],
    [
      'of CORS_ORIGINS',
      {
        AUTH_API_KEYS: `acme:${KEY}`,
        CORS_ORIGINS: 'https://app.example.com',
      },
      'https://app.example.com',
      'https://evil.example.com',
    ],
    [
      'of this machine, also with CORS_ORIGINS',
      { AUTH_API_KEYS: `acme:${KEY}`, CORS_ORIGINS: 'https://app.example.com' },
      'http://localhost:4000',
      'https://evil.example.com',
    ],
  ])('takes a PUT from pages %s', async (_what, env, origin, other) => {
    const stage = await start(uploadsOnFiles({ env }));
    const upload = await stage.announce({}, KEY);
    const preflight = (from: string, url: string) =>
      fetch(url, {
        method: 'OPTIONS',
        headers: {
          origin: from,
          'access-control-request-method': 'PUT',
          'access-control-request-headers': 'content-type',
        },
      });
    const allowed = await preflight(origin, upload.putUrl);
    expect(allowed.status).toBe(204);
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, PUT, OPTIONS',
      'access-control-allow-headers': 'content-type',
    });
    const { headers: elsewhere } = await preflight(origin, `${stage.gateway.url}/graphql`);
    const isForFilesOnly = 'AUTH_API_KEYS' in env && origin.startsWith('http://localhost');
    expect(elsewhere.get('access-control-allow-methods')).toBe(isForFilesOnly ? null : 'GET, POST, OPTIONS');
    const refused = await preflight(other, upload.putUrl);
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([404, null]);
    // The answer can be read, also if it is an error.
    for (const [bytes, status] of [
      [PNG.subarray(1), 400],
      [PNG, 201],
      [PNG, 200],
    ] as const) {
      const answer = await put(upload.putUrl, bytes, { origin });
      expect([answer.status, answer.headers]).toMatchObject([
        status,
        { ...OPEN_TO_PAGES, 'access-control-allow-origin': origin },
      ]);
    }
  });
});

describe('a bucket that fails', () => {
  /** Sent in parts. */
  const large = noise(11_000_000);

  it.each(['error', 'denied', 'reset'] as const)(
    'after %s is 503, leaves nothing, and the file can be sent again',
    async (trouble) => {
      const stage = await start(uploadsInBucket());
      for (const bytes of [PNG, large]) {
        const upload = await stage.announce({ byteSize: bytes.length });
        for (const operation of ['PutObject', 'UploadPart'] as const) stage.twin.trouble(operation, trouble);
        const { status, json, headers } = await put(upload.putUrl, bytes);
        expect([status, json['code'], headers['retry-after']]).toEqual([503, 'STORAGE_UNAVAILABLE', '5']);
        await expectNothingLeft(stage);
        stage.twin.heal();
        await expectTaken(upload, bytes);
        stage.twin.objects.clear();
      }
      const logged = JSON.stringify(stage.lines);
      expect(logged).toContain('an upload could not be stored');
      expect(logged).not.toContain(stage.twin.key.secretAccessKey);
    },
  );

  it('answers 503 to whoever fetches', async () => {
    const stage = await start(uploadsInBucket());
    const upload = await stage.announce();
    await expectTaken(upload);
    stage.twin.trouble('GetObject', 'denied');
    expect((await fetch(upload.url)).status).toBe(503);
  });
});

it('results and uploads lie apart in a folder', async () => {
  const stage = await start(uploadsOnFiles());
  await expectTaken(await stage.announce());
  expect(readdirSync(join(stage.gateway.dir, 'archive')).sort()).toEqual(['.unfinished', 'uploads']);
});
