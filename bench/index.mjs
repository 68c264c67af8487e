/** `npm run bench`: installs the bench's own packages, builds the gateway, bundles the bench and runs it. */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { buildIfStale, readOptions } from '../scripts/command-line.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = join(root, 'bench');

const options = await readOptions(join(here, 'options.ts'), join(here, 'results/latest.json'));
if (!isInstalled()) run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], here);
buildIfStale();

// Below node_modules, so that the packages are found from there.
const programs = join(here, 'node_modules', '.cache', `bench-${process.pid}`);
try {
  const contenders = (await readdir(join(here, 'contenders'))).map((file) => parse(file).name);
  await build({
    entryPoints: ['main', 'stub-akool', ...contenders.map((name) => `contenders/${name}`)].map((name) => ({
      in: join(here, `${name}.ts`),
      out: parse(name).name,
    })),
    outdir: programs,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  // Exiting while still waiting for something must not look like success.
  process.once('beforeExit', () => {
    console.error('The bench ended before it was done');
    process.exit(1);
  });
  const { main } = await import(pathToFileURL(join(programs, 'main.mjs')).href);
  // Exit handlers stop the contenders; an unhandled signal would leave them running.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  process.exitCode = await main(options, { root, programs });
  process.removeAllListeners('beforeExit');
} finally {
  await rm(programs, { recursive: true, force: true });
}

function isInstalled() {
  const installed = join(here, 'node_modules', '.package-lock.json');
  return (
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(here, 'package-lock.json')).mtimeMs
  );
}

function run(command, args, cwd) {
  const { status } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
