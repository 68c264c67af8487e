/**
 * Builds dist/ with esbuild: the server and its pages. Types are checked by `npm run check`.
 *
 *   node scripts/build.mjs              builds all
 *   node scripts/build.mjs --if-stale   builds what has changed since the last build
 *
 * Each part is built in memory and then renamed into dist/ file by file; its stamp (a hash of all its inputs)
 * is written last. So builds may run concurrently, and a failed build leaves dist/ unchanged.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { readCommandLine } from './command-line.mjs';

const { values: options } = readCommandLine(
  'npm run build',
  'npm run build -- [--if-stale]: builds dist/; with --if-stale only what has changed since the last build.',
  { options: { 'if-stale': { type: 'boolean' } } },
);
const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const pages = join(root, 'src/pages');
/** The icon, colours and compiler options of all pages. */
const shared = ['icon.svg', 'palette.css', 'tsconfig.json'].map((file) => join(pages, file));
/** The pages import the package from its sources. */
const client = join(root, 'packages/client/src');

const parts = [
  {
    name: 'server',
    title: 'the server',
    inputs: () => [
      ...files(join(root, 'src')).filter((file) => !file.startsWith(pages + sep)),
      join(root, 'tsconfig.json'),
      // The entry imports it.
      join(root, 'scripts/node-version.mjs'),
    ],
    build: buildServer,
    // What no page owns.
    owns: (file) => !parts.some(({ name, owns }) => name !== 'server' && owns(file)),
  },
  pagePart('graphiql', 'GraphiQL', {
    scripts: {
      'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
      'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
      'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
      index: join(pages, 'graphiql/index.tsx'),
    },
    plugins: [withoutMonacoStyles()],
  }),
  pagePart('studio', 'the studio', {
    scripts: { index: join(pages, 'studio/index.tsx') },
    sources: [client],
  }),
  pagePart('home', 'the home page', { scripts: {} }),
];

/** Programs to run, and modules imported from outside. */
const PROGRAMS = [
  ...['index', 'demo/index', 'sandbox/index', 'sandbox/blend-program', 'services/pictures/decoder-program'],
  ...['app', 'config/config', 'codegen-inputs'],
];

const onlyIfStale = options['if-stale'] === true;
const todo = parts
  .map((part) => ({ ...part, hash: hashOf(part.inputs()), stamp: join(dist, `.${part.name}.stamp`) }))
  .filter(({ hash, stamp }) => !(onlyIfStale && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash));
if (todo.length > 0) {
  const what = new Intl.ListFormat('en').format(todo.map(({ title }) => title));
  const why = onlyIfStale ? ', because dist/ is missing or older than its sources' : '';
  console.log(`build: building ${what}${why}; this takes some seconds`);
}
const results = await Promise.allSettled(todo.map(buildPart));
for (const [index, result] of results.entries()) {
  if (result.status === 'fulfilled') continue;
  console.error(`\nbuild: ${todo[index]?.name} failed: ${result.reason?.message ?? result.reason}`);
  process.exitCode = 1;
}

async function buildPart({ name, build, owns, hash, stamp }) {
  const started = performance.now();
  const built = await build(hash);
  // Index files last, because they refer to the others.
  const isIndex = ({ path }) => /^index\.(js|html)$/.test(basename(path));
  for (const file of built.sort((a, b) => Number(isIndex(a)) - Number(isIndex(b)))) await put(file);
  const fresh = new Set(built.map(({ path }) => path));
  for (const file of files(dist)) {
    if (fresh.has(file) || !owns(file) || basename(file).startsWith('.')) continue;
    await rm(file, { force: true });
    await rmdir(dirname(file)).catch(() => {}); // not empty yet
  }
  await put({ path: stamp, contents: hash });
  console.log(`build: ${name} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Writes a file atomically: concurrent readers see either the old or the new content. */
async function put({ path, contents }) {
  const aside = join(dirname(path), `.${basename(path)}.${process.pid}`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(aside, contents);
  await rename(aside, path);
}

/** One bundle instead of some two thousand modules: this halves the start time. */
async function buildServer() {
  // Loaded only if there is something to bundle: a start with a fresh dist/ should not pay for it.
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS.map((name) => join(root, 'src', `${name}.ts`)),
    outbase: join(root, 'src'),
    tsconfig: join(root, 'tsconfig.json'),
    outdir: dist,
    write: false,
    bundle: true,
    splitting: true,
    platform: 'node',
    // Without this, graphql-js checks every type for a second copy of itself.
    define: { 'process.env.NODE_ENV': '"production"' },
    format: 'esm',
    target: 'node20',
    // Native modules: the Dockerfile copies them.
    external: ['libsql', 'sharp'],
    // CommonJS dependencies call `require`.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    // Less to read at start and to keep in memory; names stay, for stack traces. (`keepNames` would preserve
    // them in all cases, but costs a call per function created.)
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
  });
  return outputFiles;
}

/** A page: its scripts, its page.css and its index.html. `sources` are other folders that it imports from. */
function pagePart(name, title, { scripts, sources = [], plugins = [] }) {
  const folder = join(pages, name);
  return {
    name,
    title,
    inputs: () => [...[folder, ...sources].flatMap(files), ...shared],
    build: (hash) => buildPage({ name, folder, scripts, plugins, hash }),
    owns: (file) => file.startsWith(join(dist, name) + sep),
  };
}

async function buildPage({ name, folder, scripts, plugins, hash }) {
  const { build } = await import('esbuild');
  // The hash is in the directory name, so that workers keep the file names that the page expects.
  const assets = `${name}/assets/${hash.slice(0, 16)}`;
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { ...scripts, page: join(folder, 'page.css') },
    outdir: join(dist, assets),
    write: false,
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'external',
    tsconfig: join(pages, 'tsconfig.json'),
    plugins,
    logLevel: 'warning',
  });
  const zipped = outputFiles
    .filter(({ path }) => /\.(js|css)$/.test(path))
    .map(({ path, contents }) => ({ path: `${path}.gz`, contents: gzipSync(contents) }));
  // What Monaco imports only when it needs it could not be loaded while the gateway is gone.
  const preloads = outputFiles
    .map(({ path }) => basename(path))
    .filter((file) => file.endsWith('.js') && !file.endsWith('.worker.js'))
    .map((file) => `<link rel="modulepreload" href="${assets}/${file}">`);
  const template = await readFile(join(folder, 'index.html'), 'utf8');
  const drawing = encodeURIComponent(await readFile(join(pages, 'icon.svg'), 'utf8'));
  const html = {
    path: join(dist, name, 'index.html'),
    contents: template
      .replaceAll('{{assets}}', assets)
      .replace('{{icon}}', `data:image/svg+xml,${drawing}`)
      .replace('{{preloads}}', preloads.join('\n    ')),
  };
  return [...outputFiles, ...zipped, html];
}

/** graphiql/style.css already contains Monaco's styles; Monaco's own imports would add them twice. */
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

/** All files below a directory. Files that another build removes meanwhile are skipped. */
function files(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
