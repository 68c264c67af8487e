/** What package.json promises to users who only have npm. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
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

test('a start that builds says so first, and not on standard output; one that need not build says nothing', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const run = (cwd: string, ...args: readonly string[]) =>
    spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  const empty = mkdtempSync(join(tmpdir(), 'empty-project-'));
  try {
    for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts']) {
      cpSync(join(root, name), join(empty, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(empty, 'node_modules'));
    // Without sources the build fails at once.
    for (const folder of ['src/pages/graphiql', 'src/pages/studio', 'src/pages/home', 'packages/client/src'])
      mkdirSync(join(empty, folder), { recursive: true });
    for (const name of ['icon.svg', 'palette.css', 'tsconfig.json'])
      cpSync(join(root, 'src/pages', name), join(empty, 'src/pages', name));
    const { status, stdout, stderr } = run(empty, 'scripts/run.mjs', 'dist/index.js');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^build: building the server, GraphiQL, the studio, and the home page, because dist\/ is missing/,
    );
  } finally {
    rmSync(empty, { recursive: true });
  }
  expect(run(root, 'scripts/build.mjs', '--if-stale')).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
