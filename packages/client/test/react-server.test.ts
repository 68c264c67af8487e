/** The React entry on a server, and what it promises of its size. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { createElement, type ReactNode } from 'react';
import { renderToString } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
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

it.each(['react', 'apollo'])('the documentation names every export of %s', (entry) => {
  const index = readFileSync(join(ROOT, `packages/client/src/${entry}/index.ts`), 'utf8');
  const names = [...index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list.split(',').map((name) => name.replace('type ', '').trim()),
  );
  expect(names.length).toBeGreaterThan(4);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(README))).toEqual([]);
});
