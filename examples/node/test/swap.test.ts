/** The script, in a process of its own, in front of a real gateway. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';

const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));

let gateway: TestGateway;
/** Below the root, so that packages are found. */
let folder: string;
const inFolder = (name: string) => join(folder, name);

beforeAll(async () => {
  mkdirSync(fileAt('../../../node_modules/.cache'), { recursive: true });
  folder = mkdtempSync(fileAt('../../../node_modules/.cache/example-'));
  gateway = await startGateway();
  await build({
    entryPoints: [fileAt('../swap.mjs')],
    outfile: inFolder('swap.mjs'),
    alias: { '@face-swap-gateway/client': fileAt('../../../packages/client/src/index.ts') },
    bundle: true,
    external: ['ws'],
    format: 'esm',
    platform: 'node',
  });
  for (const sample of ['first-face', 'first-target']) {
    const answer = await fetch(`${gateway.sandbox.url}/samples/${sample}.png`);
    writeFileSync(inFolder(`${sample}.png`), Buffer.from(await answer.arrayBuffer()));
  }
});
afterAll(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...names: readonly string[]) =>
  promisify(execFile)(process.execPath, [inFolder('swap.mjs'), ...names], {
    env: { ...process.env, GATEWAY_URL: gateway.url, INIT_CWD: folder },
  });

it('swaps two files, says how far it is, and saves the result', async () => {
  const { stdout } = await run('first-face.png', 'first-target.png', 'result.png');
  expect(stdout).toMatch(/^COMPLETED $/m);
  expect(readFileSync(inFolder('result.png')).subarray(1, 4).toString()).toBe('PNG');
});

it('says what is wrong with a file', async () => {
  writeFileSync(inFolder('text.png'), 'not a picture');
  await expect(run('nowhere.png', 'first-target.png', 'none.png')).rejects.toMatchObject({
    code: 1,
    stderr: "nowhere.png can't be read\n",
  });
  await expect(run('text.png', 'first-target.png', 'none.png')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^\S.+\n$/),
  });
});
