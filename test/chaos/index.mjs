/** `npm run chaos`: bundles main.ts, which is TypeScript, and runs it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { buildIfStale, readOptions } from '../../scripts/command-line.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const options = await readOptions(join(root, 'test/chaos/options.ts'), root);
buildIfStale();

// Below node_modules, so that the packages are found from there.
const folder = join(root, 'node_modules', '.cache', `chaos-${process.pid}`);
const program = join(folder, 'main.mjs');
let code = 1;
try {
  await build({
    entryPoints: [join(root, 'test/chaos/main.ts')],
    outfile: program,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  const { main } = await import(pathToFileURL(program).href);
  code = await main(options);
} finally {
  await rm(folder, { recursive: true, force: true });
}
// After a socket was cut while connecting, Node 20 may loop forever instead of exiting.
process.exit(code);
