/** Ports for tests: two processes never get the same one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** Runs until its input ends. */
const PROGRAM = `import { freePort } from './free-port.js';
  process.stdin.resume().once('end', () => process.exit());
  console.log(await freePort(), await freePort(), await freePort());`;

test('processes that ask at once are given ports of their own', async () => {
  const { outputFiles } = await build({
    stdin: { contents: PROGRAM, resolveDir: HERE, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const program = outputFiles[0]?.text ?? '';
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const said = await Promise.all(children.map(async ({ stdout }) => String(await once(stdout, 'data'))));
  await Promise.all(
    children.map(async (child) => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    }),
  );
  const ports = said.flatMap((line) => line.trim().split(' '));
  expect(ports).toHaveLength(18);
  expect(new Set(ports).size).toBe(18);
});
