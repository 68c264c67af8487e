/** Two files from a disk, from the upload to a result that shows both, with the gateway's own sandbox. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { announce } from '../support/uploads.js';

const DEMO = fileURLToPath(new URL('../../dist/demo/index.js', import.meta.url));
const BLUE = { r: 20, g: 40, b: 220 };
const GREEN = { r: 30, g: 200, b: 60 };

interface SubmitAnswer {
  readonly data: { readonly submitFaceSwap: { readonly job: { readonly providerId: string } } };
}

let folder: string;
let me: Buffer;
let scene: Buffer;
let gateway: TestGateway | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'own-pictures-'));
  const plain = (width: number, height: number, background: object) =>
    sharp({ create: { width, height, channels: 3, background } });
  // A phone's: it lies on its side, and says so.
  me = await plain(800, 600, BLUE).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  scene = await plain(600, 400, GREEN).png().toBuffer();
  writeFileSync(join(folder, 'me.jpg'), me);
  writeFileSync(join(folder, 'scene.png'), scene);
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

async function expectBoth(picture: Buffer | string): Promise<void> {
  const { data, info } = await sharp(picture).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([600, 400, 3]);
  const near = (x: number, y: number, { r, g, b }: typeof BLUE): boolean =>
    [r, g, b].every((value, channel) => Math.abs(value - (data[(y * 600 + x) * 3 + channel] ?? 0)) < 5);
  expect(near(300, 200, BLUE)).toBe(true);
  expect(near(20, 20, GREEN)).toBe(true);
}

/** Runs `npm run demo -- --source me.jpg --target scene.png` where the files are. */
async function demo(port: number) {
  const child = spawn(process.execPath, [DEMO, '--source', 'me.jpg', '--target', 'scene.png'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Upload {3}me\.jpg, \d+ kB\nUpload {3}scene\.png, \d+ kB\nJob /m);
  return stdout;
}

it('npm run demo uploads them to the gateway of this machine', async () => {
  gateway = await startGateway();
  const stdout = await demo(Number(new URL(gateway.url).port));
  const result = await fetch(/^Result {3}(\S+)$/m.exec(stdout)?.[1] ?? '');
  await expectBoth(Buffer.from(await result.arrayBuffer()));
});

it('npm run demo uploads them to a gateway of its own, and saves the result', {
  timeout: 30_000,
}, async () => {
  await demo(await freePort());
  const saved = readdirSync(folder).filter((name) => name.startsWith('face-swap-'));
  expect(saved).toHaveLength(1);
  await expectBoth(join(folder, saved[0] ?? ''));
});

it('the sandbox shows uploads even if their addresses lead through the internet', async () => {
  const publicUrl = 'https://swap.example.com/app';
  gateway = await startGateway({ env: { PUBLIC_URL: publicUrl, POLL_AFTER_MS: '50' } });
  const { url, sandbox } = gateway;
  const upload = async (contentType: string, bytes: Buffer): Promise<string> => {
    const announced = await announce(url, { contentType, byteSize: bytes.length });
    const { status } = await fetch(announced.putUrl, { method: 'PUT', body: new Uint8Array(bytes) });
    expect(status).toBe(201);
    return announced.url.replace(url, publicUrl);
  };
  const input = {
    sourceImage: [{ path: await upload('image/jpeg', me) }],
    targetImage: [{ path: await upload('image/png', scene) }],
  };
  const query =
    'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { providerId } } }';
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { data } = (await answer.json()) as SubmitAnswer;
  const id = data.submitFaceSwap.job.providerId;
  await expect.poll(() => sandbox.jobs.find((job) => job.id === id)?.status).toBe(3);
  const result = await fetch(`${sandbox.url}/results/${id}.png`);
  await expectBoth(Buffer.from(await result.arrayBuffer()));
});
