/** What package.json promises to those who only have npm. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly deprecated?: string; readonly engines?: { node?: string } }>
  >;
}

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

test('no command counts on scripts that npm leaves out where scripts are switched off', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(Object.keys(scripts).filter((name) => /^(pre|post|install|prepare)/.test(name))).toEqual([]);
});

test('nothing that is installed is deprecated', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as Lock;
  expect(Object.keys(packages).length).toBeGreaterThan(100);
  expect(Object.keys(packages).filter((name) => packages[name]?.deprecated !== undefined)).toEqual([]);
});
