/** `npm run demo` as users run it: a separate process, its output, and its exit code. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProgressLine } from '../src/demo/progress-line.js';
import { fileNameOf, savePicture } from '../src/demo/save-picture.js';
import { newJobId } from '../src/services/jobs/new-ids.js';
import { freePort } from './support/free-port.js';
import { startGateway, type TestGateway } from './support/harness.js';

const DEMO = fileURLToPath(new URL('../dist/demo/index.js', import.meta.url));

let gateway: TestGateway;
let folder: string;
let deadPort: number;

beforeAll(async () => {
  // An empty folder, without the developer's `.env`.
  folder = mkdtempSync(join(tmpdir(), 'demo-test-'));
  deadPort = await freePort();
  gateway = await startGateway();
});

afterAll(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('shows the life of a job on a running gateway and ends with the address of its picture', async () => {
  const { code, stdout, stderr } = await demo('--url', gateway.url);
  expect(stderr).toBe('');
  expect(stdout).toContain(`Gateway  ${gateway.url}\n`);
  expect(stdout).toMatch(/\nJob {6}[0-9a-f-]{36}\n/);
  expect(statusesIn(stdout).at(-1)).toBe('COMPLETED');
  expect(stdout).not.toContain('\u001b');
  const address = /Result {3}(http\S+)\n$/.exec(stdout)?.[1] ?? '';
  expect((await fetch(address)).headers.get('content-type')).toBe('image/png');
  expect(code).toBe(0);
});

it('runs a gateway of its own where none answers, and saves the picture in the current folder', async () => {
  const { code, stdout, stderr } = await demo();
  expect(stderr).toBe('');
  expect(stdout).toContain(`none answers at http://127.0.0.1:${deadPort}`);
  expect(statusesIn(stdout).at(-1)).toBe('COMPLETED');
  const [, url = ''] = /Gateway {2}(\S+)/.exec(stdout) ?? [];
  await expect(fetch(url)).rejects.toThrow();
  const result = /\nResult {3}(\S+) .*\n$/.exec(stdout)?.[1] ?? '';
  expect(dirname(result)).toBe(realpathSync(folder));
  expect(readFileSync(result).subarray(1, 4).toString()).toBe('PNG');
  // No other address of the gateway that is gone.
  expect(stdout.split(url)).toHaveLength(2);
  expect(code).toBe(0);
});

it('says in a line what is wrong with the folder that it runs in', async () => {
  const setting = join(folder, '.env');
  mkdirSync(setting);
  const { code, stderr } = await demo();
  rmdirSync(setting);
  expect(stderr).toMatch(/^.*\.env.*\n$/);
  expect(code).toBe(1);
});

it('gives the pictures of two demos in one minute different names', () => {
  const now = Date.now();
  expect(fileNameOf(newJobId(now))).not.toBe(fileNameOf(newJobId(now + 1000)));
});

it('saves the picture elsewhere where the current folder takes none, or says why it can not', async () => {
  const picture = `${gateway.sandbox.url}/samples/source-face.png`;
  const saved = await savePicture(picture, '/proc', 'face-swap-test.png');
  expect(saved).toBe(join(tmpdir(), 'face-swap-test.png'));
  rmSync(saved);
  await expect(savePicture(`${picture}.none`, folder, 'none.png')).rejects.toThrow(
    /can't be saved: HTTP 404/,
  );
});

it('tells why a job failed and ends with 1', async () => {
  const source = `${gateway.sandbox.url}/samples/source-face.png?sandbox-fault=generation-fails`;
  const { code, stdout, stderr } = await demo('--url', gateway.url, '--source', source);
  expect(statusesIn(stdout).at(-1)).toBe('FAILED');
  expect(stderr).toMatch(/^GENERATION_FAILED: /);
  expect(code).toBe(1);
});

it('names the field of an input that is refused', async () => {
  const { code, stderr } = await demo('--url', gateway.url, '--target', 'ftp://example.com/face.png');
  expect(stderr).toMatch(/^The gateway refused:\n {2}input\.targetImage\.0\.path: must begin with http/);
  expect(code).toBe(1);
});

it('says that the named gateway does not answer', async () => {
  const { code, stderr } = await demo('--url', `http://127.0.0.1:${deadPort}/`);
  expect(stderr).toMatch(new RegExp(`^No gateway answers at http://127\\.0\\.0\\.1:${deadPort}\\.`));
  expect(code).toBe(1);
});

it('says that what answers is no gateway', async () => {
  const { code, stderr } = await demo(
    '--url',
    gateway.sandbox.url,
    '--source',
    'https://a.example',
    '--target',
    'https://b.example',
  );
  expect(stderr).toMatch(/^(No gateway answers at|What answers at) /);
  expect(code).toBe(1);
});

it('explains its options', async () => {
  expect(await demo('--help')).toMatchObject({ code: 0, stderr: '' });
  const { code, stderr } = await demo('--nonsense');
  expect(stderr).toMatch(/^Unknown option '--nonsense'.*--source PICTURE.*\n$/);
  expect(code).toBe(1);
});

it('draws over one line on a terminal, never wider than it', () => {
  const written: string[] = [];
  const line = new ProgressLine({ isTTY: true, columns: 40, write: (text) => written.push(text) });
  const job = { id: '1', version: 1, createdAt: '', result: null, error: null };
  line.show({ ...job, status: 'WAITING', queuePosition: 12_345 });
  line.show({ ...job, status: 'COMPLETED', queuePosition: null });
  line.stop();
  line.stop();
  expect(written.at(-1)).toBe('\n');
  const drawn = written.slice(0, -1).map((text) => {
    expect(text.startsWith('\r\u001b[2K')).toBe(true);
    return text.slice(5);
  });
  expect(drawn.length).toBe(3);
  for (const text of drawn) expect(text.length).toBeLessThan(40);
});

function statusesIn(output: string): readonly string[] {
  return [...output.matchAll(/^ *[\d.]+ s {2}([A-Z]+)/gm)].map(([, status]) => status ?? '');
}

async function demo(...args: readonly string[]) {
  if (!existsSync(DEMO)) throw new Error('dist/demo is not built: run "npm run build"');
  const env = { PATH: process.env['PATH'] ?? '', TMPDIR: tmpdir(), PORT: String(deadPort) };
  const child = spawn(process.execPath, [DEMO, ...args], { cwd: folder, env });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  return { code, stdout, stderr };
}
