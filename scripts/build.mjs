/**
 * Builds dist/ with esbuild: the server and the GraphiQL page. Types are checked by `npm run check`.
 *
 *   node scripts/build.mjs              builds both
 *   node scripts/build.mjs --if-stale   builds what has changed since it was last built
 *
 * Each half is built in a directory of its own and then renamed into dist/ file by file, and its stamp (a hash of all
 * it was made of) is written last. So builds may run at the same time, and a failed or killed one leaves dist/ as it was.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const page = join(root, 'src/graphiql');

const halves = [
  {
    name: 'server',
    inputs: () => [
      ...files(join(root, 'src')).filter((file) => !file.startsWith(page + sep)),
      join(root, 'tsconfig.json'),
    ],
    build: buildServer,
  },
  { name: 'graphiql', inputs: () => files(page), build: buildPage },
];

/** What is run or imported from outside. */
const PROGRAMS = ['index', 'demo/index', 'sandbox/index', 'app', 'config', 'reference'];

const onlyIfStale = process.argv.includes('--if-stale');
const todo = halves
  .map((half) => ({ ...half, hash: hashOf(half.inputs()), stamp: join(dist, `.${half.name}.stamp`) }))
  .filter(({ hash, stamp }) => !(onlyIfStale && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash));
if (todo.length > 0) await buildAll();

async function buildAll() {
  await removeAbandoned();
  const results = await Promise.allSettled(todo.map(buildHalf));
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') continue;
    console.error(`\nbuild: ${todo[index]?.name} failed: ${result.reason?.message ?? result.reason}`);
    process.exitCode = 1;
  }
}

async function buildHalf({ name, build, hash, stamp }) {
  const started = performance.now();
  const temporary = join(dist, `.building-${name}-${process.pid}`);
  try {
    await mkdir(temporary, { recursive: true });
    await build(temporary, hash);
    await writeFile(join(temporary, 'stamp'), hash);
    await rename(join(temporary, 'stamp'), stamp);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  console.log(`build: ${name} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

async function buildServer(temporary) {
  // One file in place of some two thousand modules: starting takes half the time.
  const { build } = await import('esbuild');
  const bundle = join(temporary, 'bundle');
  await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS.map((name) => join(root, 'src', `${name}.ts`)),
    outbase: join(root, 'src'),
    tsconfig: join(root, 'tsconfig.json'),
    outdir: bundle,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // A native module; and two that are asked for where they are there.
    external: ['libsql', 'pg-native', 'class-transformer'],
    // Dependencies in the old module format call this.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    // Less to read at the start, and to keep; names stay, for whoever reads a stack. (`keepNames` would keep them in
    // every case, at the price of a call for each function that is made.)
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
  });
  await publish(bundle, dist, (file) => file.startsWith('.') || file.startsWith(`graphiql${sep}`));
}

async function buildPage(temporary, hash) {
  // Loaded only when there is something to bundle: a fresh start should not pay for it.
  const { build } = await import('esbuild');
  const { gzipSync } = await import('node:zlib');
  const out = join(temporary, 'out');
  // The hash is in the directory, so that the workers keep names the page knows.
  const assets = join(out, 'assets', hash.slice(0, 16));
  await build({
    absWorkingDir: root,
    entryPoints: {
      index: join(page, 'index.tsx'),
      page: join(page, 'page.css'),
      'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
      'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
      'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
    },
    outdir: assets,
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'external',
    tsconfig: join(page, 'tsconfig.json'),
    plugins: [withoutMonacoStyles()],
    logLevel: 'warning',
  });
  for (const file of files(assets)) {
    if (/\.(js|css)$/.test(file)) await writeFile(`${file}.gz`, gzipSync(await readFile(file)));
  }
  const template = await readFile(join(page, 'index.html'), 'utf8');
  const html = template.replaceAll('{{assets}}', `graphiql/assets/${hash.slice(0, 16)}`);
  await writeFile(join(out, 'index.html'), html);
  await publish(out, join(dist, 'graphiql'));
}

/** graphiql/style.css has Monaco's styles in it already; what Monaco imports itself would come twice. */
function withoutMonacoStyles() {
  return {
    name: 'without-monaco-styles',
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]monaco-editor[\\/]esm[\\/].*\.css$/ }, () => ({
        contents: '',
        loader: 'empty',
      }));
    },
  };
}

/** Moves all files from one directory to another, index files last, then removes what else lies there. */
async function publish(from, to, keep = () => false) {
  const fresh = files(from).map((file) => relative(from, file));
  const isIndex = (file) => /^index\.(js|html)$/.test(file);
  for (const file of fresh.sort((a, b) => Number(isIndex(a)) - Number(isIndex(b)))) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await rename(join(from, file), join(to, file));
  }
  const wanted = new Set(fresh);
  for (const file of files(to).map((file) => relative(to, file))) {
    if (wanted.has(file) || keep(file)) continue;
    await rm(join(to, file), { force: true });
    await rmdir(dirname(join(to, file))).catch(() => {}); // not empty yet
  }
}

/** Directories of builds that were killed. */
async function removeAbandoned() {
  for (const name of await readdir(dist).catch(() => [])) {
    const pid = Number(/^\.building-\w+-(\d+)$/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) await rm(join(dist, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function hashOf(inputs) {
  const common = ['package.json', 'package-lock.json'].map((file) => join(root, file));
  const hash = createHash('sha256');
  for (const file of [...inputs, ...common, fileURLToPath(import.meta.url)].sort()) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/** All files below a directory; files that go while we look (another build's) are left out. */
function files(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
