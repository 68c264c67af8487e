/** Results of swaps with uploads, which the sandbox fetches from a server that plays the gateway. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Sandbox, SandboxOptions } from '../../src/sandbox/sandbox.js';
import { gate, httpServer, type LocalServer } from '../support/local-server.js';
import { call, DELETE, idOf, PLUS, pro, resultOf, startSandbox } from '../support/sandbox-customer.js';

const BLUE = { r: 20, g: 40, b: 220 };
const WIDTH = 600;
const HEIGHT = 400;
/** In the middle of the target: 45 % of its shorter edge, and 1.24 times as high. */
const OVAL = { x: WIDTH / 2, y: HEIGHT / 2, across: 90, down: 112 };

/** What the gateway serves, by name. */
const uploads = new Map<string, Buffer | ((response: ServerResponse) => void)>();
let gateway: LocalServer;
/** One for all tests, because its process that blends pictures takes a while to start. */
let shared: Sandbox;
let sandbox: Sandbox;
let source: Buffer;
let target: Buffer;

beforeAll(async () => {
  shared = await startSandbox();
  source = await sharp({ create: { width: 500, height: 700, channels: 3, background: BLUE } })
    .jpeg()
    .toBuffer();
  // Noise, so that no pixel could be taken for another.
  target = await sharp(randomBytes(WIDTH * HEIGHT * 3), {
    raw: { width: WIDTH, height: HEIGHT, channels: 3 },
  })
    .png()
    .toBuffer();
});

beforeEach(async () => {
  gateway = await httpServer(({ path }, response) => {
    const found = uploads.get(path.replace('/uploads/', ''));
    if (typeof found === 'function') found(response);
    else if (found === undefined) response.writeHead(404).end('Not found');
    else response.writeHead(200, { 'content-type': 'image/png' }).end(found);
  });
  uploads.clear();
  uploads.set('source.jpg', source);
  uploads.set('target.png', target);
  sandbox = shared;
  sandbox.fetchUploadsFrom({ url: gateway.url });
});

afterEach(async () => {
  if (sandbox !== shared) await sandbox.stop();
  await gateway.close();
});
afterAll(() => shared.stop());

const at = (name: string): string => `${gateway.url}/uploads/${name}`;

async function submit(sourceUrl: string, targetUrl: string): Promise<string> {
  return idOf(await pro(sandbox, { sourceImage: [{ path: sourceUrl }], targetImage: [{ path: targetUrl }] }));
}

async function swap(sourceUrl = at('source.jpg'), targetUrl = at('target.png')): Promise<string> {
  const id = await submit(sourceUrl, targetUrl);
  await sandbox.settled();
  return id;
}

async function download(id: string): Promise<Buffer> {
  const response = await fetch(`${sandbox.url}/results/${id}.png`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/png']);
  return Buffer.from(await response.arrayBuffer());
}

async function open(picture: Buffer) {
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  expect(info.channels).toBe(3);
  return {
    width,
    height,
    pixel: (x: number, y: number) => [...data.subarray((y * width + x) * 3).subarray(0, 3)],
  };
}

async function sizeOf(picture: Buffer): Promise<readonly number[]> {
  const { width, height } = await sharp(picture).metadata();
  return [width, height];
}

/** A result that is not made of uploads has this size. */
const DRAWN = [512, 512];

function isBlue([red = 0, green = 0, blue = 0]: readonly number[]): boolean {
  return Math.abs(red - BLUE.r) < 4 && Math.abs(green - BLUE.g) < 4 && Math.abs(blue - BLUE.b) < 4;
}

describe('the result of a swap with uploads', () => {
  it("is the target, with the source's face in an oval in its middle, and a mark", async () => {
    const [before, after] = [await open(target), await open(await download(await swap()))];
    expect([after.width, after.height]).toEqual([WIDTH, HEIGHT]);
    const changed = { oval: 0, mark: 0, elsewhere: 0 };
    for (let y = 0; y < HEIGHT; y++)
      for (let x = 0; x < WIDTH; x++) {
        if (after.pixel(x, y).join() === before.pixel(x, y).join()) continue;
        const far = Math.hypot((x + 0.5 - OVAL.x) / OVAL.across, (y + 0.5 - OVAL.y) / OVAL.down);
        if (far < 1.01) changed.oval++;
        else if (x < 120 && y > HEIGHT - 40) changed.mark++;
        else changed.elsewhere++;
      }
    expect(changed.elsewhere).toBe(0);
    expect(changed.oval).toBeGreaterThan(Math.PI * OVAL.across * OVAL.down * 0.9);
    expect(changed.mark).toBeGreaterThan(1000);
    expect(isBlue(after.pixel(OVAL.x, OVAL.y))).toBe(true);
    expect(isBlue(after.pixel(OVAL.x + OVAL.across / 2, OVAL.y))).toBe(true);
  });

  it('has an oval with a soft edge', async () => {
    const white = { r: 255, g: 255, b: 255 };
    const picture = sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: white } });
    uploads.set('white.png', await picture.png().toBuffer());
    const { pixel } = await open(await download(await swap(at('source.jpg'), at('white.png'))));
    const [reds, across] = [[] as number[], OVAL.across];
    for (let x = OVAL.x; x < OVAL.x + across; x++) reds.push(pixel(x, OVAL.y)[0] ?? 0);
    expect(reds).toEqual(reds.toSorted((a, b) => a - b));
    expect(new Set(reds).size).toBeGreaterThan(20);
  });

  it('is there for Face Swap Plus too', async () => {
    const id = idOf(
      await call(sandbox, PLUS, {
        source_url: at('source.jpg'),
        target_url: at('target.png'),
        single_face_mode: true,
      }),
    );
    await sandbox.settled();
    expect(await sizeOf(await download(id))).toEqual([WIDTH, HEIGHT]);
  });

  it('is upright, and at most 2048 pixels long', async () => {
    const photo = sharp({ create: { width: 4000, height: 1000, channels: 3, background: BLUE } });
    uploads.set('photo.jpg', await photo.withMetadata({ orientation: 6 }).jpeg().toBuffer());
    const result = await download(await swap(at('source.jpg'), at('photo.jpg')));
    expect(await sizeOf(result)).toEqual([512, 2048]);
    expect((await sharp(result).metadata()).exif).toBeUndefined();
  });

  it.each<[string, (picture: Sharp) => Sharp]>([
    ['grey', (picture) => picture.toColourspace('b-w').png()],
    ['transparent', (picture) => picture.ensureAlpha(0.5).png()],
    ['transparent grey', (picture) => picture.ensureAlpha(0.5).toColourspace('b-w').png()],
    ['deep', (picture) => picture.toColourspace('rgb16').png()],
    ['CMYK', (picture) => picture.toColourspace('cmyk').jpeg()],
    ['WebP', (picture) => picture.webp()],
  ])('can be made of a picture that is %s', async (_kind, change) => {
    uploads.set('odd', await change(sharp(target)).toBuffer());
    const { width, height, pixel } = await open(await download(await swap(at('source.jpg'), at('odd'))));
    expect([width, height]).toEqual([WIDTH, HEIGHT]);
    expect(isBlue(pixel(Math.floor(width / 2), Math.floor(height / 2)))).toBe(true);
  });

  it('can be made of pictures with hardly any pixels', async () => {
    uploads.set('tiny', await sharp(target).resize({ width: 1, height: 3, fit: 'fill' }).toBuffer());
    uploads.set('long', await sharp(target).resize({ width: 4096, height: 2, fit: 'fill' }).toBuffer());
    expect(await sizeOf(await download(await swap(at('tiny'), at('long'))))).toEqual([2048, 1]);
    expect(await sizeOf(await download(await swap(at('long'), at('tiny'))))).toEqual([1, 3]);
  });

  it("shows the sandbox's own picture where only one side is an upload", async () => {
    const sample = `${sandbox.url}/samples/target-face.png`;
    const before = await open(Buffer.from(await (await fetch(sample)).arrayBuffer()));
    const after = await open(await download(await swap(at('source.jpg'), sample)));
    expect([after.width, after.height]).toEqual(DRAWN);
    expect(isBlue(after.pixel(256, 256))).toBe(true);
    for (const [x, y] of [
      [5, 5],
      [500, 500],
      [256, 60],
    ] as const)
      expect(after.pixel(x, y)).toEqual(before.pixel(x, y));
    expect(await sizeOf(await download(await swap(sample, at('target.png'))))).toEqual([WIDTH, HEIGHT]);
  });

  it('is made before the job ends, and stays when the uploads are erased, until the result is deleted', async () => {
    const { opened: isFree, open: release } = gate();
    const { opened: isAsked, open: ask } = gate();
    uploads.set('slow.png', (response) => {
      ask();
      void isFree.then(() => response.end(target));
    });
    const id = await submit(at('source.jpg'), at('slow.png'));
    await isAsked;
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 2, url: '' });
    release();
    await sandbox.settled();
    uploads.clear();
    expect(await sizeOf(await download(id))).toEqual([WIDTH, HEIGHT]);
    expect(gateway.received.map(({ path }) => path)).toEqual(['/uploads/source.jpg', '/uploads/slow.png']);
    await call(sandbox, DELETE, { _ids: id });
    expect((await fetch(`${sandbox.url}/results/${id}.png`)).status).toBe(404);
  });

  it('is made again after the sandbox was killed, as long as the uploads last; then it is drawn', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandbox-uploads-'));
    try {
      const options: SandboxOptions = { journalFile: join(folder, 'journal.jsonl'), gatewayUrl: gateway.url };
      sandbox = await startSandbox(options);
      const id = await swap();
      const result = await download(id);
      await sandbox.stop();
      sandbox = await startSandbox(options);
      const again = await Promise.all([download(id), download(id)]);
      expect(again.map((bytes) => bytes.equals(result))).toEqual([true, true]);
      expect(gateway.received).toHaveLength(4);
      uploads.clear();
      await sandbox.stop();
      sandbox = await startSandbox(options);
      expect(await sizeOf(await download(id))).toEqual(DRAWN);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('does not hold up a stop, even if the gateway does not answer', async () => {
    const { opened: isAsked, open: ask } = gate();
    uploads.set('source.jpg', () => ask());
    sandbox = await startSandbox({ gatewayUrl: gateway.url });
    await submit(at('source.jpg'), at('target.png'));
    await isAsked;
    await sandbox.stop();
    expect(gateway.received).toHaveLength(1);
  });
});

describe.skipIf(!existsSync('/proc/self/task'))('the process that blends pictures', () => {
  const pids = (): string[] =>
    readdirSync('/proc/self/task')
      .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' '))
      .filter((pid) => pid !== '')
      .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('blend-program'));

  it('serves many swaps, is replaced when it was killed, and ends with its sandbox', async () => {
    const before = pids();
    const ours = (): string[] => pids().filter((pid) => !before.includes(pid));
    sandbox = await startSandbox({ gatewayUrl: gateway.url });
    await swap();
    const [first, ...others] = ours();
    expect(others).toEqual([]);
    await swap();
    expect(ours()).toEqual([first]);
    process.kill(Number(first), 'SIGKILL');
    // It may take a moment to be noticed, and until then a result is drawn.
    await expect.poll(async () => await sizeOf(await download(await swap()))).toEqual([WIDTH, HEIGHT]);
    expect(ours()).toHaveLength(1);
    expect(ours()).not.toContain(first);
    await sandbox.stop();
    await expect.poll(ours).toEqual([]);
  });
});

describe('an upload that can not be shown', () => {
  /** The header of a PNG, and nothing else. */
  const png = (width: number, height: number): Buffer => {
    const header = Buffer.from('89504e470d0a1a0a0000000d49484452000000000000000008020000009a76c1d0', 'hex');
    header.writeUInt32BE(width, 16);
    header.writeUInt32BE(height, 20);
    return header;
  };
  const answers: readonly [string, (response: ServerResponse) => void][] = [
    ['gone', (response) => response.writeHead(404).end('x'.repeat(100_000))],
    ['an error', (response) => response.writeHead(500).end()],
    [
      'cut',
      (response) =>
        response.writeHead(200, { 'content-length': '1000' }).write('x', () => response.destroy()),
    ],
    ['a page', (response) => response.end('<html></html>')],
    ['an SVG', (response) => response.end('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ['a truncated picture', (response) => response.end(target.subarray(0, target.length / 2))],
    ['a picture of too many pixels', (response) => response.end(png(60_000, 60_000))],
    [
      'endless',
      (response) => {
        const more = (): void => {
          if (!response.destroyed) response.write(target, more);
        };
        more();
      },
    ],
    ['somewhere else', (response) => response.writeHead(302, { location: '/uploads/target.png' }).end()],
  ];
  it.each(answers)('because it is %s never fails its job: the result is drawn', async (_kind, answer) => {
    uploads.set('bad.png', answer);
    const id = await swap(at('bad.png'), at('source.jpg'));
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 3 });
    expect(await sizeOf(await download(id))).toEqual(DRAWN);
    expect(gateway.received.map(({ path }) => path)).not.toContain('/uploads/target.png');
  });
});

describe('what a submit names', () => {
  it('is fetched from the gateway on this machine, where it is an upload at its public address', async () => {
    sandbox.fetchUploadsFrom({ url: `${gateway.url}/`, publicUrl: 'https://swap.example.com/app/' });
    const publicly = 'https://swap.example.com/app/uploads';
    const id = await swap(`${publicly}/source.jpg?a=b#c`, `${publicly.replace('up', '%75p')}/%74arget.png`);
    expect(await sizeOf(await download(id))).toEqual([WIDTH, HEIGHT]);
    expect(gateway.received.map(({ path }) => path)).toEqual(['/uploads/source.jpg', '/uploads/target.png']);
    expect(gateway.received[0]?.headers.host).toBe(new URL(gateway.url).host);
  });

  it('is never fetched, unless it is an upload of the gateway', async () => {
    const other = await httpServer((_request, response) => response.end(target));
    const { host } = new URL(gateway.url);
    const port = new URL(other.url).port;
    const addresses = [
      `${other.url}/uploads/target.png`,
      `http://localhost:${port}/uploads/target.png`,
      `http://user@${host}/uploads/target.png`,
      `http://user:password@${host}/uploads/target.png`,
      `http://${host}@127.0.0.1:${port}/uploads/target.png`,
      `https://${host}/uploads/target.png`,
      `${gateway.url}/graphql`,
      `${gateway.url}/uploads`,
      `${gateway.url}/uploads/`,
      `${gateway.url}/Uploads/target.png`,
      `${gateway.url}/x/uploads/target.png`,
      `${gateway.url}/uploads/../healthz`,
      `${gateway.url}/uploads/%2e%2e/healthz`,
      `${gateway.url}/uploads/..%2fhealthz`,
      `${gateway.url}/uploads/..\\healthz`,
      `${gateway.url}/uploads//healthz`,
      `${gateway.url}/uploads/a/b.png`,
      `${gateway.url}/uploads/a%00.png`,
      `${gateway.url}/uploads/a%ff.png`,
      `${gateway.url}/uploads/%252e%252e%252fhealthz`,
      `${gateway.url}/uploads/a%0d%0ahost:%20x.png`,
      `${gateway.url}/uploads/a.b.png`,
      `${gateway.url}/uploads/.png`,
      `${gateway.url}/uploads/${'a'.repeat(200)}.png`,
    ];
    try {
      for (const address of addresses) {
        const id = await swap(address, address);
        expect([address, await sizeOf(await download(id))]).toEqual([address, DRAWN]);
      }
      expect(gateway.received).toEqual([]);
      expect(other.connections()).toBe(0);
    } finally {
      await other.close();
    }
  });

  it('is never fetched by a sandbox that was not told of a gateway', async () => {
    sandbox = await startSandbox();
    expect(await sizeOf(await download(await swap()))).toEqual(DRAWN);
    expect(gateway.connections()).toBe(0);
  });

  it('is not fetched for a video', async () => {
    uploads.set('clip.mp4', Buffer.from('none'));
    const id = idOf(
      await call(sandbox, PLUS, {
        source_url: at('source.jpg'),
        target_url: at('clip.mp4'),
        single_face_mode: true,
      }),
    );
    await sandbox.settled();
    expect((await fetch(`${sandbox.url}/results/${id}.mp4`)).status).toBe(200);
    expect(gateway.connections()).toBe(0);
  });
});
