/** What the Dockerfile copies from its first stage into the image, and whether it is enough to run. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { build, cleanUp, newFolder, ROOT, spawnGateway } from './support/gateway-process.js';

interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly dependencies?: Readonly<Record<string, string>>;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

const MAX_PACKAGES_BYTES = 35_000_000;

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

/** Paths within the project's folder. */
const copied = [...read('Dockerfile').matchAll(/^COPY --from=build \/app\/(\S+) \S+$/gm)].map(
  ([, path]) => path ?? '',
);

/** Folders of the packages that are not bundled, and of all their dependencies on this platform. */
function packagesNeeded(): readonly string[] {
  const { packages } = JSON.parse(read('package-lock.json')) as Lock;
  const [, external = ''] = /external: \[(.*)\]/.exec(read('scripts/build.mjs')) ?? [];
  const names = [...external.matchAll(/'([^']+)'/g)].map(([, name]) => name ?? '');
  const folders = new Set<string>();
  for (const name of names) {
    const folder = `node_modules/${name}`;
    if (folders.has(folder) || !existsSync(join(ROOT, folder))) continue;
    folders.add(folder);
    const { dependencies, optionalDependencies } = packages[folder] ?? {};
    names.push(...Object.keys({ ...dependencies, ...optionalDependencies }));
  }
  return [...folders];
}

/** The image omits binaries for another C library, and so does this test. */
const isOfImage = (path: string): boolean => !path.endsWith('-musl');

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => statSync(join(folder, file)))
    .reduce((bytes, file) => bytes + (file.isFile() ? file.size : 0), 0);
}

beforeAll(build, 120_000);
afterEach(cleanUp);

test('the image has the packages that the bundle leaves out, those that they need, and no others', () => {
  const needed = packagesNeeded();
  expect(needed).toEqual(expect.arrayContaining(['node_modules/libsql', 'node_modules/sharp']));
  const has = copied.filter((path) => path.startsWith('node_modules'));
  // A package, or its scope.
  const placeOf = (path: string): string => (has.includes(path) ? path : dirname(path));
  expect(has.toSorted()).toEqual([...new Set(needed.map(placeOf))].toSorted());
});

function copyImage(): string {
  const folder = newFolder();
  for (const path of copied) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: isOfImage });
  }
  return folder;
}

test('what the image has is small, and brings a job from submit to completion', {
  timeout: 60_000,
}, async () => {
  const folder = copyImage();
  expect(bytesIn(join(folder, 'node_modules'))).toBeLessThan(MAX_PACKAGES_BYTES);

  const gateway = await spawnGateway(process.execPath, ['dist/index.js'], { cwd: folder, env: {} });
  expect(gateway.stderr()).toBe('');
  const demo = spawn(process.execPath, ['dist/demo/index.js', '--url', gateway.url], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(demo, 'exit')) as [number | null];
  // The demo exits with 0 only if its job is COMPLETED.
  expect(code).toBe(0);
});

test('what the image has is enough to decode pictures', async () => {
  const program = join(copyImage(), 'dist/services/pictures/decoder-program.js');
  const decoder = fork(program, { env: {}, execArgv: [] });
  const [ready] = await Promise.race([once(decoder, 'message'), once(decoder, 'exit')]);
  expect(ready).toBe('ready');
  decoder.disconnect();
  expect(await once(decoder, 'exit')).toEqual([0, null]);
});
