/** What `npm pack` makes of the package: whether it is small, well-formed, and installs and compiles elsewhere. */
import { execFile } from 'node:child_process';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanUp, newFolder, ROOT } from '../../../test/support/gateway-process.js';
import { startGateway } from '../../../test/support/harness.js';
import { ADDRESSES, closeClients, newClient, picture } from './support.js';

const MAX_BYTES = 8 * 1024;
const PACKAGE = join(ROOT, 'packages/client');
const BIN = join(ROOT, 'node_modules/.bin');
const require = createRequire(import.meta.url);

let tarball: string;
/** A project that has it installed. */
let project: string;

async function run(cwd: string, command: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, { cwd });
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

beforeAll(async () => {
  const folder = newFolder();
  // Where scripts are switched off, npm would pack what an earlier build left.
  await run(PACKAGE, 'npm', 'pack', '--ignore-scripts=false', '--pack-destination', folder);
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string };
  tarball = join(folder, `face-swap-gateway-client-${version}.tgz`);
  project = newFolder();
  const installed = (name: string): string => `file:${realpathSync(join(ROOT, 'node_modules', name))}`;
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({
      type: 'module',
      dependencies: {
        '@face-swap-gateway/client': `file:${tarball}`,
        // From this machine, so that no registry is needed.
        'graphql-ws': installed('graphql-ws'),
        graphql: installed('graphql'),
      },
    }),
  );
  await run(project, 'npm', 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund');
});
afterAll(cleanUp);

it('is no larger than it says, with all that it needs', async () => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: "export * from '@face-swap-gateway/client';", resolveDir: project },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
    preserveSymlinks: true,
  });
  expect(
    Object.keys(metafile.inputs).filter((path) =>
      /node_modules\/(?!@face-swap-gateway|graphql-ws)/.test(path),
    ),
  ).toEqual([]);
  const [bundle] = outputFiles;
  expect(gzipSync(bundle?.contents ?? '', { level: 9 }).length).toBeLessThanOrEqual(MAX_BYTES);
});

it('is what publint and attw want', async () => {
  expect(await run(PACKAGE, join(BIN, 'publint'), 'run', tarball, '--strict')).toContain('All good!');
  // It exits with an error if there is a problem.
  const report = await run(PACKAGE, join(BIN, 'attw'), tarball, '--profile', 'esm-only', '--format', 'ascii');
  expect(report).toContain('"@face-swap-gateway/client/apollo"');
}, 120_000);

it('can be imported where it is installed, and does nothing by that', async () => {
  const program = `
    import * as client from '@face-swap-gateway/client';
    const { dependencies } = (await import('@face-swap-gateway/client/package.json', { with: { type: 'json' } })).default;
    console.log(Object.keys(client).join(), Object.keys(dependencies).join());`;
  expect(
    await run(project, process.execPath, '--no-warnings', '--input-type=module', '--eval', program),
  ).toBe('JobFailed,RequestRefused,createFaceSwap graphql-ws\n');
});

const USE = `
import { createFaceSwap, JobFailed, RequestRefused, type FaceSwap, type Job, type JobResult } from '@face-swap-gateway/client';
const faceSwap: FaceSwap = createFaceSwap({ url: '/graphql', token: async () => 'token', scope: 'anna' });
export async function swap(source: File, target: string): Promise<JobResult> {
  const submitted = faceSwap.submit({ source, target }, { onProgress: ({ loaded, total }) => void (loaded / total) });
  for await (const job of submitted) show(job);
  try {
    return await submitted.result({ archived: true });
  } catch (error) {
    if (error instanceof JobFailed) throw new Error(error.userMessage);
    if (error instanceof RequestRefused) throw new Error(error.fieldErrors.map(({ path }) => path).join());
    throw error;
  }
}
function show(job: Job): string {
  return job.__typename === 'FaceSwapJob' ? job.sourceImage.map(({ path }) => path).join() : job.sourceUrl;
}
// @ts-expect-error: there is nothing to swap
faceSwap.submit({});
`;

it('brings the documents that it sends, for a gateway that trusts no others', async () => {
  const documents = join(project, 'node_modules/@face-swap-gateway/client/dist/documents.json');
  const gateway = await startGateway({ env: { TRUSTED_DOCUMENTS: documents } });
  try {
    const client = newClient(gateway.url);
    const target = await client.upload(picture(1000));
    await client.detectFaces({ url: target });
    const list = client.followAll();
    const stop = list.subscribe(() => {});
    const swap = client.submit({ source: ADDRESSES.source, target });
    const plus = client.submitPlus({ ...ADDRESSES, singleFaceMode: true });
    await Promise.all([swap.result(), plus.result(), swap.followToken()]);
    await expect(swap.cancel()).rejects.toMatchObject({ code: 'CONFLICT' });
    await plus.delete();
    expect((await client.jobs()).jobs).toHaveLength(1);
    expect(await client.job(await swap.id)).toMatchObject({ status: 'COMPLETED' });
    expect(list.getSnapshot()).toMatchObject({ error: null, jobs: [{ status: 'COMPLETED' }] });
    stop();
  } finally {
    closeClients();
    await gateway.stop();
  }
});

const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
const EXAMPLES = [...README.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);

it('has documentation that names every export, with examples that compile', async () => {
  const index = readFileSync(join(PACKAGE, 'src/index.ts'), 'utf8');
  const names = [...index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list.split(',').map((name) => name.replace('type ', '').trim()),
  );
  expect(names).toContain('JobHandle');
  expect(names.filter((name) => name !== '' && !new RegExp(`\\b${name}\\b`).test(README))).toEqual([]);
  const files = EXAMPLES.map((text, index) => {
    const name = `example-${index}.ts`;
    writeFileSync(join(project, name), text);
    return name;
  });
  const options = [
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
    '--target',
    'es2022',
    '--lib',
    'es2022,dom',
  ];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  expect(await run(project, process.execPath, tsc, ...files, ...options, '--strict', '--noEmit')).toBe('');
});

describe.each([
  ['5.6', join(dirname(require.resolve('@arethetypeswrong/core')), '../node_modules/typescript/bin/tsc')],
  ['7', join(ROOT, 'node_modules/typescript/bin/tsc')],
])('with TypeScript %s', (version, tsc) => {
  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('compiles an app with module %s and moduleResolution %s', async (module, moduleResolution) => {
    expect(await run(project, process.execPath, tsc, '--version')).toContain(`Version ${version}`);
    writeFileSync(join(project, 'app.ts'), USE);
    const options = ['--module', module, '--moduleResolution', moduleResolution, '--target', 'es2022'];
    const more = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--skipDefaultLibCheck'];
    expect(
      await run(project, process.execPath, tsc, 'app.ts', ...options, ...more, '--lib', 'es2022,dom'),
    ).toBe('');
  });
});

it('compiles a program for Node, which has no DOM', async () => {
  writeFileSync(
    join(project, 'program.ts'),
    `import { createFaceSwap, type FaceSwapOptions } from '@face-swap-gateway/client';
    const options: FaceSwapOptions = { url: 'http://127.0.0.1:4000/graphql', token: process.env['TOKEN'], storage: null };
    const swap = createFaceSwap(options).submit({ source: new Blob([]), target: new URL('https://example.com/') });
    console.log(await swap.result());`,
  );
  const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
  const options = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022', '--strict', '--noEmit'];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  expect(await run(project, process.execPath, tsc, 'program.ts', ...types, ...options)).toBe('');
});
