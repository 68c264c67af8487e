/**
 * `npm run mutate`: changes the sources in one place after another, and counts how often a test notices. See
 * docs/testing.md.
 */
import { readCommandLine, refuse } from '../../scripts/command-line.mjs';
import { GROUPS } from './groups.mjs';

/** Minimum percentage per group. */
const NOTICED_AT_LEAST = 85;

const COMMAND = 'npm run mutate';
const ALL = Object.keys(GROUPS);

const { positionals } = readCommandLine(
  COMMAND,
  `npm run mutate -- [GROUP [FILE...]]: counts how many changes of the sources the tests notice; see docs/testing.md.
Groups: ${ALL.join(', ')}. Without one, all of them. Exit code 1: less than ${NOTICED_AT_LEAST} % of a group are noticed.`,
  { allowPositionals: true },
);
const [name, ...files] = positionals;
if (name !== undefined && !ALL.includes(name)) refuse(COMMAND, `There is no group "${name}"`);
const names = name === undefined ? ALL : [name];

// Loaded only here, because it takes a second.
const { Stryker } = await import('@stryker-mutator/core');
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
