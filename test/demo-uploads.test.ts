/** How `npm run demo` uploads files, with a server that plays the gateway's `createUpload` and `PUT`. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readOptions } from '../src/demo/options.js';
import { picturesOf, type Side, sideOf } from '../src/demo/pictures.js';
import type { Screen } from '../src/demo/screen.js';
import { UploadLine } from '../src/demo/upload-line.js';
import { SAMPLE_VIDEO } from '../src/sandbox/sample-video.js';

const TARGET = { kind: 'url', url: 'https://example.com/scene.jpg' } as const satisfies Side;

let folder: string;
let picture: Buffer;
let server: Server;
let url: string;
let announced: Record<string, unknown>[];
let sent: { headers: IncomingHttpHeaders; bytes: Buffer }[];
/** What the gateway answers. */
let createUpload: () => object;
let put: (response: ServerResponse) => void;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'demo-uploads-'));
  picture = await sharp(randomBytes(300 * 300 * 3), { raw: { width: 300, height: 300, channels: 3 } })
    .png()
    .toBuffer();
  // Whatever its name says.
  writeFileSync(join(folder, 'me.jpg'), picture);
});
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  [announced, sent] = [[], []];
  createUpload = () => ({ data: { createUpload: { upload: upload(`${url}/uploads/token`) } } });
  put = (response) => response.writeHead(201).end('{}');
  server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    if (request.url === '/early') return put(response);
    for await (const part of request) parts.push(part);
    const bytes = Buffer.concat(parts);
    if (request.method === 'PUT') {
      sent.push({ headers: request.headers, bytes });
      return put(response);
    }
    announced.push(JSON.parse(bytes.toString()).variables.input);
    response.end(JSON.stringify(createUpload()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function upload(putUrl: string | null): object {
  const headers = [{ name: 'content-type', value: 'image/png' }];
  return { url: 'https://swap.example.com/uploads/name.png', putUrl, headers };
}

class RecordedScreen implements Screen {
  readonly columns = 100;
  readonly isTTY: boolean;
  written = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.written += text;
  }
}

/** Returns the address of the source, what was shown, and of how many bytes it was told that they are sent. */
async function uploading({ isTTY = false, name = 'me.jpg' } = {}) {
  const screen = new RecordedScreen(isTTY);
  const told: number[] = [];
  class RecordedLine extends UploadLine {
    override show(sentBytes: number): void {
      told.push(sentBytes);
      super.show(sentBytes);
    }
  }
  const source = await sideOf({ kind: 'file', path: join(folder, name) });
  let line: UploadLine | undefined;
  try {
    const pictures = await picturesOf({ url, token: null }, { source, target: TARGET }, (file) => {
      line = new RecordedLine(screen, file);
      return line;
    });
    expect(pictures.target).toBe(TARGET.url);
    return { source: pictures.source, written: screen.written, told };
  } finally {
    line?.stop();
  }
}

describe('--source and --target', () => {
  it('are files in the folder of the user, unless they begin like a URL', () => {
    const read = (source: string) => readOptions(['--source', source], { INIT_CWD: '/home/me' })?.source;
    expect(read('me.jpg')).toEqual({ kind: 'file', path: '/home/me/me.jpg' });
    expect(read('../photos/https.png')).toEqual({ kind: 'file', path: '/home/photos/https.png' });
    expect(read('/tmp/me.jpg')).toEqual({ kind: 'file', path: '/tmp/me.jpg' });
    for (const address of ['http://a.example/b.jpg', 'HTTPS://a.example', 'ftp://a.example/b.jpg'])
      expect(read(address)).toEqual({ kind: 'url', url: address });
    expect(readOptions([], {})).toMatchObject({ source: null, target: null });
  });

  it('are refused before anything starts if they can not be read, or are videos', async () => {
    writeFileSync(join(folder, 'clip.png'), SAMPLE_VIDEO);
    const side = (name: string) => sideOf({ kind: 'file', path: join(folder, name) });
    await expect(side('none.jpg')).rejects.toThrow(
      /none\.jpg can't be read: there is no such file\. Give a file, or a URL/,
    );
    await expect(side('.')).rejects.toThrow("can't be read: ");
    await expect(side('clip.png')).rejects.toThrow(
      'clip.png is a video. The demo swaps pictures; submitFaceSwapPlus swaps videos.',
    );
  });
});

describe('a file', () => {
  it('is announced by its bytes, and sent with the headers that the gateway wants', async () => {
    const { source, written } = await uploading();
    expect(source).toBe('https://swap.example.com/uploads/name.png');
    const sha256 = createHash('sha256').update(picture).digest('hex');
    expect(announced).toEqual([{ contentType: 'image/png', byteSize: picture.length, sha256 }]);
    expect(sent.map(({ bytes }) => bytes.equals(picture))).toEqual([true]);
    expect(sent[0]?.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(picture.length),
    });
    expect(written).toBe(`Upload   me.jpg, ${Math.ceil(picture.length / 1000)} kB\n`);
  });

  it('of unknown kind is left to the gateway to judge', async () => {
    writeFileSync(join(folder, 'notes.jpg'), 'no picture');
    await uploading({ name: 'notes.jpg' });
    expect(announced).toMatchObject([{ contentType: 'application/octet-stream', byteSize: 10 }]);
  });

  it('is not sent if the gateway has it already', async () => {
    createUpload = () => ({ data: { createUpload: { upload: upload(null) } } });
    expect((await uploading()).source).toBe('https://swap.example.com/uploads/name.png');
    expect(sent).toEqual([]);
  });

  it('has a bar on a terminal, which fills while it is sent and stays full', async () => {
    const { written, told } = await uploading({ isTTY: true });
    expect(told.length).toBeGreaterThan(2);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(picture.length);
    const drawn = written.split('\r\u001b[2K').slice(1);
    expect(drawn[0]).toMatch(/^Upload {3}[▒░]{24} {3}0 % of \d+ kB {2}me\.jpg$/);
    expect(drawn.at(-1)).toMatch(/^Upload {3}█{24} 100 % of \d+ kB {2}me\.jpg\n$/);
    const screen = new RecordedScreen(true);
    const line = new UploadLine(screen, { name: 'half.jpg', byteSize: 4_000_000 });
    line.start();
    line.show(2_000_000);
    line.stop();
    expect(screen.written).toMatch(/█{12}[▒░]{12} {2}50 % of 4\.0 MB {2}half\.jpg\n$/);
  });
});

describe('what goes wrong', () => {
  it('is told in the words of createUpload', async () => {
    const message = 'HEIC is not supported. Export it as JPEG.';
    createUpload = () => ({
      errors: [{ message: 'x', extensions: { fieldErrors: [{ path: 'input.contentType', message }] } }],
    });
    await expect(uploading()).rejects.toThrow(`The gateway refused me.jpg:\n  input.contentType: ${message}`);
  });

  it.each<[string, typeof put, string]>([
    [
      'of PUT',
      (response) => response.writeHead(415).end('{"code":"MEDIA_UNSUPPORTED","message":"This is a GIF."}'),
      'The gateway refused me.jpg:\n  This is a GIF. (MEDIA_UNSUPPORTED)',
    ],
    ['of a proxy', (response) => response.writeHead(413).end('<html>'), 'me.jpg was refused (HTTP 413).'],
    ['of a broken connection', (response) => response.destroy(), "me.jpg can't be sent to http://127.0.0.1:"],
  ])('is told in the words %s', async (_whose, answer, words) => {
    put = answer;
    await expect(uploading()).rejects.toThrow(words);
  });

  it('is told if the gateway answers before it has read the file', async () => {
    writeFileSync(join(folder, 'large.png'), Buffer.concat([picture, Buffer.alloc(20_000_000)]));
    createUpload = () => ({ data: { createUpload: { upload: upload(`${url}/early`) } } });
    put = (response) => response.writeHead(413).end('{"code":"TOO_LARGE","message":"Too large."}');
    await expect(uploading({ name: 'large.png' })).rejects.toThrow('Too large. (TOO_LARGE)');
  });
});
