/** A smaller form of `npm run hostile`; docs/hostile.md says what it does and checks. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATTACKS } from './attacks.js';
import { startControl } from './control.js';
import { runTrial } from './trial.js';
import type { Victim } from './victim.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = join(ROOT, 'dist/index.js');
/** Those that every gateway since has withstood. */
const WITHSTOOD = new Set(['status-lists', 'tenant-names', 'provider-texts', 'cursors']);

// Below node_modules, so that the packages are found from there.
const bundles = join(ROOT, 'node_modules', '.cache', `hostile-test-${process.pid}`);
const worker = join(bundles, 'worker.mjs');
const folder = mkdtempSync(join(tmpdir(), 'hostile-control-'));
let control: Victim;

beforeAll(async () => {
  await build({
    entryPoints: [join(ROOT, 'test/hostile/worker.ts')],
    outfile: worker,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  control = await startControl(PROGRAM, folder);
}, 60_000);
afterAll(async () => {
  await control.stop();
  rmSync(folder, { recursive: true, force: true });
  rmSync(bundles, { recursive: true, force: true });
});

describe('Nobody but the attacker feels an attack', () => {
  it.each(ATTACKS.filter(({ name }) => WITHSTOOD.has(name)).map((attack) => [attack.name, attack] as const))(
    '%s',
    { timeout: 300_000 },
    async (_name, attack) => {
      const { broken } = await runTrial(attack, { size: 'small', program: PROGRAM, worker, control });
      expect(broken, attack.shows).toEqual([]);
    },
  );
});
