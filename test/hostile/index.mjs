/** `npm run hostile`: bundles main.ts and worker.ts, and runs them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { buildIfStale } from '../../scripts/command-line.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Below node_modules, so that the packages are found from there.
const folder = join(root, 'node_modules', '.cache', `hostile-${process.pid}`);
let code = 1;
try {
  await build({
    entryPoints: { main: join(root, 'test/hostile/main.ts'), worker: join(root, 'test/hostile/worker.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  const { main } = await import(pathToFileURL(join(folder, 'main.mjs')).href);
  const worker = join(folder, 'worker.mjs');
  code = await main(process.argv.slice(2), { root, worker, build: buildIfStale });
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(code);
