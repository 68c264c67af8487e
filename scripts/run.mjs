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

const build = fileURLToPath(new URL('build.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [build, '--if-stale'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const [, , name = 'dist/index.js'] = process.argv;
const program = fileURLToPath(new URL(`../${name}`, import.meta.url));
process.argv.splice(1, 2, program);
await import(pathToFileURL(program).href);
