/** The types of the React entry, compiled against each version of React's types that it supports. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../../../test/support/gateway-process.js';

const README = readFileSync(join(ROOT, 'packages/client/README.md'), 'utf8');

let folder: string;
beforeAll(() => {
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'react-types-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(['types-react-18', '@types/react'])(
  "the hooks fit %s, in the README's examples too",
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
