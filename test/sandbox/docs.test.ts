import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAULTS } from '../../src/sandbox/fault-plan.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('docs/sandbox.md names every fault, every place of faults and every setting', () => {
  const page = read('docs/sandbox.md');
  const settings = read('src/sandbox/settings.ts').match(/SANDBOX_[A-Z_]+/g) ?? [];
  for (const name of [...Object.keys(FAULTS), ...Object.values(FAULTS).flat(), ...settings])
    expect(page).toMatch(new RegExp(`[\`\\s]${name}\``));
});
