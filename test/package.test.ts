/** What package.json promises to users who only have npm. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly deprecated?: string; readonly engines?: { node?: string } }>
  >;
}

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

test('no command counts on scripts that npm leaves out where scripts are switched off', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(Object.keys(scripts).filter((name) => /^(pre|post|install|prepare)/.test(name))).toEqual([]);
});

test('nothing that is installed is deprecated', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as Lock;
  expect(Object.keys(packages).length).toBeGreaterThan(100);
  expect(Object.keys(packages).filter((name) => packages[name]?.deprecated !== undefined)).toEqual([]);
});

test('npm start runs with scripts switched off, and a signal to npm ends it with 0', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'npm-start-'));
  const npm = spawn('npm', ['start'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      npm_config_ignore_scripts: 'true',
      PORT: '0',
      DATABASE_URL: `sqlite:${join(dir, 'gateway.db')}`,
      ARCHIVE_DIR: join(dir, 'archive'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const ended = new Promise((resolve) => npm.once('exit', (code, signal) => resolve(code ?? signal)));
    await new Promise<void>((resolve) => {
      let said = '';
      npm.stdout.on('data', (text: Buffer) => {
        said += text;
        if (said.includes('Ctrl-C stops it.')) resolve();
      });
    });
    npm.kill('SIGINT');
    expect(await ended).toBe(0);
  } finally {
    npm.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
});
