/**
 * `npm run mutate`: changes the sources in one place after another, and counts how often a test notices. See
 * docs/testing.md.
 */
import { Stryker } from '@stryker-mutator/core';
import { GROUPS } from './groups.mjs';

/** Minimum percentage per group. */
const NOTICED_AT_LEAST = 85;

const [name, ...files] = process.argv.slice(2);
const names = name === undefined ? Object.keys(GROUPS) : [name];
if (!names.every((one) => one in GROUPS)) {
  console.error(
    `usage: npm run mutate [-- GROUP [FILE...]], of the groups ${Object.keys(GROUPS).join(', ')}`,
  );
  process.exit(2);
}

let code = 0;
for (const group of names) {
  const { mutate, tests } = GROUPS[group];
  process.env.MUTATION_TESTS = JSON.stringify(tests);
  const results = await new Stryker({
    mutate: files.length > 0 ? files : mutate,
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutation/vitest.config.mjs', related: false },
    coverageAnalysis: 'perTest',
    // Stryker calls `parseConfigFileTextToJson` if it finds a tsconfig, and our TypeScript no longer has it.
    tsconfigFile: 'none.json',
    ignorePatterns: ['bench', 'dist', 'docs', 'reports'],
    concurrency: 2,
    // In addition to the time without mutants: a run that is merely slow, on a busy machine, must not time
    // out.
    timeoutMS: 15_000,
    reporters: ['clear-text', 'html', 'json', 'progress-append-only'],
    clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportTests: false },
    htmlReporter: { fileName: `reports/mutation/${group}.html` },
    jsonReporter: { fileName: `reports/mutation/${group}.json` },
    logLevel: 'warn',
    allowConsoleColors: false,
  }).runMutationTest();
  const counted = results.filter(({ status }) => status !== 'Ignored' && status !== 'CompileError');
  // An error outside tests, such as a test file that no longer loads, fails a run as well.
  const noticed = counted.filter(({ status }) =>
    ['Killed', 'Timeout', 'RuntimeError'].includes(status),
  ).length;
  const percent = (100 * noticed) / counted.length;
  console.log(`${group}: ${noticed} of ${counted.length} noticed, ${percent.toFixed(1)} %`);
  if (percent < NOTICED_AT_LEAST) code = 1;
}
process.exit(code);
