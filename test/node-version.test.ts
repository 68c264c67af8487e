/** A start on a Node that is too old says so; Node's own error would be about a module that it can't load. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { faultOfNode } from '../scripts/node-version.mjs';
import { build, cleanUp, newFolder, ROOT } from './support/gateway-process.js';

test.each(['16.20.2', '18.20.8', '20.9.0', '20.18.3'])('Node %s is too old', (version) => {
  expect(faultOfNode(version)).toBe(`Node is ${version}; it must be 20.19 or newer`);
});

test.each([process.versions.node, '20.19.0', '20.20.2', '21.0.0', '22.1.0', '24.0.0', '100.0.0'])(
  'Node %s is new enough',
  (version) => {
    expect(faultOfNode(version)).toBeNull();
  },
);

test('package.json says the same', () => {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(faultOfNode('1.0.0')).toContain(`must be ${engines.node.replace('>=', '')} or newer`);
});

describe('On Node 18', () => {
  beforeAll(build);

  /** Reports another version than it has, before anything else is loaded. */
  const asNode18 = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } })`;

  it.each([
    ['node dist/index.js', ['dist/index.js']],
    ['npm start', ['scripts/run.mjs', 'dist/index.js']],
    ['npm run sandbox', ['scripts/run.mjs', 'dist/sandbox/index.js']],
  ])('%s ends with 1 and one line', (_command, [program = '', ...args]) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(asNode18)}`, join(ROOT, program), ...args],
      { cwd: newFolder(), encoding: 'utf8', env: { PATH: process.env['PATH'], SANDBOX: 'true', PORT: '0' } },
    );
    void cleanUp();
    expect([status, stdout, stderr]).toEqual([1, '', 'Node is 18.20.8; it must be 20.19 or newer\n']);
  });

  it('dist/index.js can be loaded: neither it nor what it imports at once needs a newer one', () => {
    const pending = ['index.js'];
    for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
      const code = readFileSync(join(ROOT, 'dist', file), 'utf8');
      const imported = [...code.matchAll(/(?:^|;)import\b[^(;]*?["']([^"']+)["']/gm)].map(
        ([, name = '']) => name,
      );
      expect(imported.filter((name) => !name.startsWith('./'))).toEqual(['node:module']);
      pending.push(...imported.filter((name) => name.startsWith('./')));
    }
  });
});
