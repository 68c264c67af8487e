/**
 * Builds what is stale, then runs the given program in this process with the remaining arguments:
 *
 *   node scripts/run.mjs dist/index.js
 *
 * Used instead of npm's pre-scripts, which do not run where scripts are disabled. With a single process,
 * signals and exit codes are the program's own.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HELP = {
  'dist/index.js':
    'npm start: starts the gateway. It takes no arguments; settings are environment variables or lines of .env (see .env.example and README.md).',
  'dist/sandbox/index.js':
    'npm run sandbox: starts the sandbox alone. It takes no arguments; settings are environment variables (see docs/sandbox.md).',
};
const [, , program = 'dist/index.js', ...args] = process.argv;
if (args.includes('--help') && program in HELP) {
  console.log(HELP[program]);
  process.exit(0);
}

const build = fileURLToPath(new URL('build.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [build, '--if-stale'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const file = fileURLToPath(new URL(`../${program}`, import.meta.url));
process.argv.splice(1, 2, file);
process.setSourceMapsEnabled(true);
await import(pathToFileURL(file).href);
