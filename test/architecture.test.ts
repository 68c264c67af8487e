/** The import rules of docs/architecture.md, which no compiler checks. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Each file of the server and its imports within the server. */
const imports = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((file) => file.split(sep).join('/'))
    .filter((file) => file.endsWith('.ts') && !file.startsWith('pages/'))
    .map((file) => [file, importsOf(file)] as const),
);

function importsOf(file: string): readonly string[] {
  const text = readFileSync(posix.join(SRC, file), 'utf8');
  // Includes dynamic imports: modules loaded late count too.
  return [
    ...text.matchAll(/^(?:import|export)\b[^;]*?from '(\.[^']+)\.js';|\bimport\('(\.[^']+)\.js'\)/gm),
  ].map(([, path, late]) => posix.join(posix.dirname(file), `${path ?? late}.ts`));
}

/** Every import of a file that `isWanted`, by a file that is not allowed to import it. */
function importers(isWanted: (file: string) => boolean, allowed: RegExp): readonly string[] {
  return [...imports].flatMap(([file, all]) =>
    allowed.test(file) ? [] : all.filter(isWanted).map((path) => `${file} imports ${path}`),
  );
}

/** Implementations of interfaces to external systems. */
const DRIVERS: ReadonlySet<string> = new Set([
  'services/akool/http-akool-client.ts',
  'graphql/redis-limiters.ts',
  'services/media/folder-blob-store.ts',
  'services/media/s3-blob-store.ts',
  'services/bus/in-process-job-bus.ts',
  'services/bus/redis-job-bus.ts',
  'services/store/kysely-job-store.ts',
  'services/store/postgres.ts',
  'services/store/sqlite.ts',
]);

/** Each part and the parts it may import: those listed above it, so that no arrow points backwards. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  basics: [],
  // The path of its own program; nothing that could share a bug.
  sandbox: ['basics'],
  config: ['basics', 'sandbox'],
  'services/auth': ['basics', 'config'],
  'services/limits': ['basics', 'services/auth'],
  'services/jobs': ['basics', 'services/limits'],
  'services/pictures': ['basics'],
  'services/media': ['basics', 'config', 'services/pictures'],
  'services/uploads': [
    ...['basics', 'services/limits', 'services/jobs', 'services/media', 'services/pictures'],
  ],
  'services/akool': ['basics', 'services/jobs'],
  'services/store': ['basics', 'services/jobs', 'services/uploads'],
  'services/bus': ['basics', 'services/jobs'],
  'services/faces': ['basics', 'services/limits', 'services/jobs', 'services/akool', 'services/media'],
  'services/workers': [
    ...['basics', 'services/jobs', 'services/uploads', 'services/akool', 'services/media'],
    ...['services/faces'],
  ],
  services: ['basics', 'services/jobs', 'services/akool'],
  schema: ['basics', 'services/jobs', 'services/uploads', 'services/akool', 'services/faces'],
  resolvers: [
    ...['basics', 'schema', 'services', 'services/auth', 'services/limits', 'services/jobs'],
    ...['services/uploads', 'services/media', 'services/faces', 'services/workers'],
  ],
  graphql: ['basics', 'resolvers', 'services/auth', 'services/limits', 'services/jobs', 'services/bus'],
  http: [
    ...['basics', 'graphql', 'resolvers', 'config', 'services', 'services/auth', 'services/limits'],
    ...['services/akool', 'services/media', 'services/uploads', 'services/workers'],
  ],
  process: [
    ...['basics', 'sandbox', 'config', 'http', 'graphql', 'resolvers', 'services', 'services/auth'],
    ...['services/jobs', 'services/akool', 'services/store', 'services/bus', 'services/media'],
    ...['services/pictures', 'services/faces', 'services/uploads', 'services/workers'],
  ],
  demo: ['basics', 'process', 'config'],
};

/** Files outside the folders. */
const LOOSE: readonly (readonly [room: string, files: RegExp])[] = [
  [
    'process',
    /^(index|main|app|drivers|env-file|process-end|open|compose|stop-signals|stop-log|codegen-inputs)\.ts$/,
  ],
  ['services', /^services\/[^/]+$/],
  ['basics', /^[^/]+$/],
];

function roomOf(file: string): string {
  const [loose] = LOOSE.find(([, files]) => files.test(file)) ?? [];
  return loose ?? (/^(?:services\/)?[^/]+/.exec(file)?.[0] as string);
}

/** The parts in the diagram of docs/architecture.md, by name, and its arrows. */
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
    expect(names(/'@aws-sdk\//)).toEqual(['services/media/s3-blob-store.ts', 'services/media/s3-upload.ts']);
    expect(importers((path) => path === 'services/media/s3-upload.ts', /s3-blob-store\.ts$/)).toEqual([]);
    expect(names(/from '[^']*s3-blob-store\.js'/)).toEqual([]);
  });

  test('load sharp in processes of its own alone', () => {
    const files = [...imports.keys()].filter((file) =>
      /from 'sharp'|import\('sharp'\)/.test(readFileSync(posix.join(SRC, file), 'utf8')),
    );
    expect(files).toEqual(['sandbox/blend.ts', 'services/pictures/decoder.ts']);
    expect(importers((path) => path === 'services/pictures/decoder.ts', /\/decoder-program\.ts$/)).toEqual(
      [],
    );
    expect(importers((path) => path === 'sandbox/blend.ts', /\/blend-program\.ts$/)).toEqual([]);
    expect(importers((path) => /\/(decoder|blend)-program\.ts$/.test(path), /^$/)).toEqual([]);
  });

  test('import only what their room may', () => {
    const wrong = [...imports].flatMap(([file, all]) => {
      const room = roomOf(file);
      const may = ROOMS[room] ?? [];
      return all
        .filter((path) => roomOf(path) !== room && !may.includes(roomOf(path)))
        .map((path) => `${file} imports ${path}`);
    });
    expect(wrong).toEqual([]);
  });

  test('stand in rooms between which no arrow runs backwards, and none is drawn for nothing', () => {
    const above = (room: string): readonly string[] =>
      Object.keys(ROOMS).slice(0, Object.keys(ROOMS).indexOf(room));
    const drawn = Object.entries(ROOMS).flatMap(([from, all]) => all.map((to) => [from, to] as const));
    expect(drawn.filter(([from, to]) => !above(from).includes(to))).toEqual([]);
    const isUsed = ([from, to]: readonly [string, string]): boolean =>
      [...imports].some(([file, all]) => roomOf(file) === from && all.some((path) => roomOf(path) === to));
    expect(drawn.filter((arrow) => !isUsed(arrow))).toEqual([]);
  });

  test('read the environment in the files of the processes alone', () => {
    const readers = [...imports.keys()].filter(
      (file) =>
        /process\.env\b/.test(readFileSync(posix.join(SRC, file), 'utf8')) &&
        !/^(main|env-file|sandbox\/index|demo\/)/.test(file),
    );
    expect(readers).toEqual([]);
  });

  // A database keeps the text of every prepared statement, so there must be few different ones.
  test('put no list of values into a statement as long as it comes', () => {
    const lists = [...imports.keys()]
      .filter((file) => file.startsWith('services/store/'))
      .flatMap((file) => [...readFileSync(posix.join(SRC, file), 'utf8').matchAll(/'(?:not )?in', .*/g)])
      .map(([found]) => found);
    expect(lists.length).toBeGreaterThan(3);
    expect(lists.filter((list) => !/^'(?:not )?in', (inPlaces\(|\[)/.test(list))).toEqual([]);
  });
});
