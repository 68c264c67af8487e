/** `--help` prints help, and does nothing else. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

test.each([
  ['npm start', ['scripts/run.mjs', 'dist/index.js']],
  ['npm run sandbox', ['scripts/run.mjs', 'dist/sandbox/index.js']],
  ['npm run bench', ['bench/index.mjs']],
])('%s -- --help', (command, script) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...script, '--help'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout.split('\n')).toEqual([expect.stringContaining(command), '']);
});
