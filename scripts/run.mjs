/**
 * Builds what is not built, then becomes the program named, with the rest of the arguments:
 *
 *   node scripts/run.mjs dist/index.js
 *
 * In place of npm's pre-scripts, which do not run where scripts are switched off; and one process, so that
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
