/** The React entry on a server, and what it promises of types and size. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { createElement, type ReactNode } from 'react';
import { renderToString } from 'react-dom/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../../test/support/gateway-process.js';
import { createFaceSwap, type Job } from '../src/index.js';
import {
  BeforeAfter,
  FaceSwapProvider,
  useConnection,
  useFaceSwap,
  useJob,
  useJobs,
  useUpload,
} from '../src/react/index.js';
import { CANCELED_JOB } from './sample-job.js';

const MAX_BYTES = 10 * 1024;
const README = readFileSync(join(ROOT, 'packages/client/README.md'), 'utf8');
const INITIAL: Job = { ...CANCELED_JOB, status: 'PROCESSING', finishedAt: null };

describe('on a server', () => {
  function render(component: () => ReactNode): string {
    const client = createFaceSwap({
      url: '/graphql',
      scope: 'somebody',
      fetch: () => {
        throw new Error('A rendering asked the gateway');
      },
    });
    const html = renderToString(createElement(FaceSwapProvider, { client }, createElement(component)));
    client.close();
    client.close();
    return html;
  }

  it('every hook shows its beginning, and asks nothing', () => {
    const html = render(() => {
      const { job, error } = useJob('1');
      const none = useJob(null);
      const { busy } = useFaceSwap({ resume: true });
      const { loading, jobs } = useJobs({ filter: { status: ['QUEUED'] } });
      const { uploaded } = useUpload();
      return JSON.stringify([job, error, none.job, busy, loading, jobs, uploaded, useConnection()]);
    });
    expect(html.replaceAll('&quot;', '"')).toBe('[null,null,null,false,true,[],null,"idle"]');
  });

  it('a job that the server has read is rendered', () => {
    expect(render(() => useJob('1', { initial: INITIAL }).job?.status)).toBe('PROCESSING');
  });

  it('two pictures are rendered with their slider', () => {
    const html = render(() => createElement(BeforeAfter, { before: 'a.png', after: 'b.png' }));
    expect(html).toMatch(/<img[^>]*src="b.png"[^>]*alt="After"/);
    expect(html).toMatch(/role="slider"[^>]*tabindex="0"/);
  });

  it('a hook without a provider says what is missing', () => {
    expect(() => renderToString(createElement(() => useConnection()))).toThrow('FaceSwapProvider');
  });
});

it('the hooks and the client have at most 10 KB together, minified and gzipped', async () => {
  const { outputFiles } = await build({
    stdin: {
      resolveDir: join(ROOT, 'packages/client/src'),
      contents: "export * from './react/index.js'; export { createFaceSwap } from './index.js';",
    },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    external: ['react', 'react/jsx-runtime'],
  });
  const { byteLength } = gzipSync(outputFiles[0]?.contents ?? '');
  expect(byteLength).toBeGreaterThan(4000);
  expect(byteLength).toBeLessThanOrEqual(MAX_BYTES);
});

describe('the types', () => {
  let folder: string;
  beforeAll(() => {
    const cache = join(ROOT, 'node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    folder = mkdtempSync(join(cache, 'react-types-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['types-react-18', '@types/react'])(
    'fit %s, in the examples of the documentation too',
    async (types) => {
      const source = (path: string) => [join(ROOT, 'packages/client/src', path)];
      const from = (name: string) => [join(ROOT, 'node_modules', types, name)];
      const paths = {
        react: from('index.d.ts'),
        'react/jsx-runtime': from('jsx-runtime.d.ts'),
        '@face-swap-gateway/client': source('index.ts'),
        '@face-swap-gateway/client/react': source('react/index.ts'),
      };
      const compilerOptions = { noEmit: true, incremental: false, skipLibCheck: false, rootDir: ROOT, paths };
      const extended = join(ROOT, 'packages/client/tsconfig.json');
      const examples = [...README.matchAll(/^```tsx\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
      expect(examples).toHaveLength(2);
      const files = examples.map((text, index) => {
        const file = join(folder, `example-${index}.tsx`);
        writeFileSync(file, text);
        return file;
      });
      const include = [...source('react'), ...files];
      const config = join(folder, `${types.replaceAll('/', '-')}.json`);
      writeFileSync(config, JSON.stringify({ extends: extended, compilerOptions, include }));
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const checking = promisify(execFile)(process.execPath, [tsc, '-p', config]);
      await expect(checking).resolves.toEqual({ stdout: '', stderr: '' });
    },
  );
});

it.each(['react', 'apollo'])('the documentation names every export of %s', (entry) => {
  const index = readFileSync(join(ROOT, `packages/client/src/${entry}/index.ts`), 'utf8');
  const names = [...index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list.split(',').map((name) => name.replace('type ', '').trim()),
  );
  expect(names.length).toBeGreaterThan(4);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(README))).toEqual([]);
});
