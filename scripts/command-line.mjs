/** How the npm commands read their command lines: before they build, install or start anything. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Prints the help and ends with 0 if `--help` is given; ends with 2 and one line if the rest can't be read.
 *
 * @param command like `npm run build`
 * @param config what `parseArgs` takes
 */
export function readCommandLine(command, help, config = {}) {
  if (process.argv.includes('--help')) {
    console.log(help);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    return refuse(command, error.message);
  }
}

/**
 * The same for a program in TypeScript, by the `readOptions` of its options.ts, which imports nothing of the
 * program: so that help need not wait for the rest to be bundled.
 *
 * @param more further arguments of `readOptions`
 */
export async function readOptions(file, ...more) {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [file],
    write: false,
    format: 'esm',
    logLevel: 'error',
  });
  const program = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  try {
    const options = program.readOptions(process.argv.slice(2), ...more);
    if (options !== null) return options;
  } catch (error) {
    if (!(error instanceof program.OptionError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
  console.log(program.USAGE);
  return process.exit(0);
}

/** Ends with 2, after one line. */
export function refuse(command, mistake) {
  // The rest of a message of `parseArgs` is about arguments that begin with a hyphen.
  console.error(`${mistake.split(/\.\s|\n/, 1)[0]}; see ${command} -- --help`);
  process.exit(2);
}

/** Brings dist/ up to date. Ends the process if that fails. Standard output is left to the program. */
export function buildIfStale() {
  const build = fileURLToPath(new URL('build.mjs', import.meta.url));
  const { status } = spawnSync(process.execPath, [build, '--if-stale'], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
