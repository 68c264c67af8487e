/**
 * Builds what is stale, then runs the given program in this process with the remaining arguments:
 *
 *   node scripts/run.mjs dist/index.js
 *
 * Used instead of npm's pre-scripts, which do not run where scripts are disabled. With a single process,
 * signals and exit codes are the program's own.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildIfStale, readCommandLine } from './command-line.mjs';
import { faultOfNode } from './node-version.mjs';

const file = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const [, , program = 'dist/index.js', ...args] = process.argv;
if (program === 'dist/index.js') {
  readCommandLine(
    'npm start',
    'npm start: starts the gateway. It takes no arguments; settings are environment variables or lines of .env (see .env.example and README.md).',
    { args },
  );
} else if (program === 'dist/sandbox/index.js') {
  readCommandLine(
    'npm run sandbox',
    'npm run sandbox: starts the sandbox alone. It takes no arguments; settings are environment variables (see docs/sandbox.md).',
    { args },
  );
} else if (program === 'dist/demo/index.js' && args.includes('--help')) {
  console.log(JSON.parse(readFileSync(file('src/demo/usage.json'), 'utf8')).join('\n'));
  process.exit(0);
}

const fault = faultOfNode(process.versions.node);
if (fault !== null) {
  console.error(fault);
  process.exit(1);
}

buildIfStale();
process.argv.splice(1, 2, file(program));
process.setSourceMapsEnabled(true);
await import(pathToFileURL(file(program)).href);
