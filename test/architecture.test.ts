/** Who may import whom: the rules of docs/architecture.md that no compiler checks. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Each file of the server, with what it imports of the others. */
const imports = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((file) => file.split(sep).join('/'))
    .filter((file) => file.endsWith('.ts') && !file.startsWith('graphiql/'))
    .map((file) => [file, importsOf(file)] as const),
);

function importsOf(file: string): readonly string[] {
  const text = readFileSync(posix.join(SRC, file), 'utf8');
  // Also those at run time: what is loaded late is named no less.
  return [
    ...text.matchAll(/^(?:import|export)\b[^;]*?from '(\.[^']+)\.js';|\bimport\('(\.[^']+)\.js'\)/gm),
  ].map(([, path, late]) => posix.join(posix.dirname(file), `${path ?? late}.ts`));
}

/** Every import of a file that `isWanted`, by somebody who is not allowed to. */
function importers(isWanted: (file: string) => boolean, allowed: RegExp): readonly string[] {
  return [...imports].flatMap(([file, all]) =>
    allowed.test(file) ? [] : all.filter(isWanted).map((path) => `${file} imports ${path}`),
  );
}

/** What implements an interface over something of the outside. */
const DRIVERS: ReadonlySet<string> = new Set([
  'services/akool/client.ts',
  'graphql/redis-limiters.ts',
  'services/archive/file-archive.ts',
  'services/archive/s3-archive.ts',
  'services/bus/in-process-job-bus.ts',
  'services/bus/redis-job-bus.ts',
  'services/store/kysely-job-store.ts',
  'services/store/postgres.ts',
  'services/store/sqlite.ts',
]);

/** The parts of the picture in docs/architecture.md by their names in it, and its arrows. */
function picture() {
  const text = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8');
  const [, drawn = ''] = /^```mermaid\n([\s\S]*?)^```/m.exec(text) ?? [];
  const places = new Map(
    [...drawn.matchAll(/(\w+)\["(?:[^"]*<br\/>)?([\w/.-]+)"\]/g)].map(([, name = '', path = '']) => [
      name,
      path,
    ]),
  );
  const arrows = drawn
    .replaceAll(/[[(]+"[^"]*"[\])]+/g, '')
    .split('\n')
    .flatMap((line) => {
      const [, from = '', to = ''] = /^ *(\w+) <?--.*?> (.*)$/.exec(line) ?? [];
      return to.split(' & ').map((name) => [places.get(from), places.get(name)] as const);
    });
  return { places, arrows };
}

describe('the picture in docs/architecture.md', () => {
  test('shows what there is: each part is in src, and each arrow between two parts is an import', () => {
    const { places, arrows } = picture();
    const files = [...imports.keys()];
    expect([...places.values()].filter((path) => !files.some((file) => file.startsWith(path)))).toEqual([]);
    const between = arrows.filter(([from, to]) => from !== undefined && to !== undefined);
    expect(between.length).toBeGreaterThan(10);
    const isDrawnOnly = ([from = '', to = '']: (typeof arrows)[number]): boolean =>
      ![...imports].some(([file, all]) => file.startsWith(from) && all.some((path) => path.startsWith(to)));
    expect(between.filter(isDrawnOnly)).toEqual([]);
  });
});

describe('what tests share', () => {
  test('registers no hook when it is loaded: workers load it once for many files, and only the first would have it', () => {
    const tests = fileURLToPath(new URL('.', import.meta.url));
    const shared = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
    );
    expect(shared.length).toBeGreaterThan(30);
    const isHooking = (file: string): boolean =>
      /^(?:before|after)(?:Each|All)\(/m.test(readFileSync(posix.join(tests, file), 'utf8'));
    expect(shared.filter(isHooking)).toEqual([]);
  });
});

describe('the sources', () => {
  test('are found, and the drivers among them', () => {
    expect(imports.size).toBeGreaterThan(100);
    expect([...DRIVERS].filter((driver) => !imports.has(driver))).toEqual([]);
  });

  test('name drivers in the composition root alone', () => {
    expect(importers((path) => DRIVERS.has(path), /^drivers\.ts$/)).toEqual([]);
  });

  test('load the S3 client with its driver alone, and the driver only where a bucket is set', () => {
    const names = (wanted: RegExp): readonly string[] =>
      [...imports.keys()].filter((file) => wanted.test(readFileSync(posix.join(SRC, file), 'utf8')));
    expect(names(/'@aws-sdk\//)).toEqual(['services/archive/s3-archive.ts', 'services/archive/s3-upload.ts']);
    expect(importers((path) => path === 'services/archive/s3-upload.ts', /s3-archive\.ts$/)).toEqual([]);
    expect(names(/from '[^']*s3-archive\.js'/)).toEqual([]);
  });

  test('keep transports, resolvers and the schema out of the services', () => {
    const outer = (path: string) =>
      /^(graphql|http|resolvers|schema)\//.test(path) || path === 'app.ts' || path === 'drivers.ts';
    expect(importers(outer, /^(?!services\/)/)).toEqual([]);
  });

  test('let resolvers know the schema and the services, and nothing of HTTP', () => {
    expect(importers((path) => path.startsWith('http/'), /^(http\/|app\.ts|drivers\.ts)/)).toEqual([]);
  });

  test('keep the way into GraphQL apart from the doors that use it, and from the resolvers that it runs', () => {
    const isDoor = (file: string) => /^(http\/|app\.ts|drivers\.ts)/.test(file);
    expect(importers((path) => path.startsWith('graphql/'), /^(graphql|http)\/|^(app|drivers)\.ts$/)).toEqual(
      [],
    );
    const outward = [...imports].flatMap(([file, all]) =>
      file.startsWith('graphql/') ? all.filter(isDoor) : [],
    );
    expect(outward).toEqual([]);
  });

  test('keep the sandbox a twin of its own: it shares nothing, and only those who start it know it', () => {
    expect(
      importers((path) => path.startsWith('sandbox/'), /^(sandbox\/|demo\/|app\.ts|drivers\.ts|config\.ts)/),
    ).toEqual([]);
    const borrowed = [...imports].flatMap(([file, all]) =>
      file.startsWith('sandbox/') ? all.filter((path) => !path.startsWith('sandbox/')) : [],
    );
    expect(borrowed).toEqual([]);
  });

  test('read the environment in the files of the processes alone', () => {
    const readers = [...imports.keys()].filter(
      (file) =>
        /process\.env\b/.test(readFileSync(posix.join(SRC, file), 'utf8')) &&
        !/^(index|sandbox\/index|demo\/)/.test(file),
    );
    expect(readers).toEqual([]);
  });
});
