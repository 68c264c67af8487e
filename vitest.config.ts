import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The long files come first: one that began last would keep a single worker busy at the end. Those that wait stand
 * between those that work.
 */
const LONG = [
  'client/test/minutes',
  'end-to-end/chaos',
  'end-to-end/stop',
  'end-to-end/answers',
  'end-to-end/instances',
  'services/store/postgres',
  'services/store/lost-commits',
  'end-to-end/many',
  'end-to-end/silent-postgres',
  'http/graphiql',
  'http/studio-trouble',
  'http/studio',
  'http/studio-guarded',
  'end-to-end/readme',
  'http/graphiql-outage',
  'http/graphiql-follow',
  'end-to-end/account-hold',
  'end-to-end/proxies',
  'end-to-end/fuzz',
  'end-to-end/outage',
  'services/bus/redis-faults',
  'end-to-end/start',
  'end-to-end/unasked',
  'client/test/connection',
  'end-to-end/token',
  'end-to-end/archive',
  'end-to-end/outcome',
  'end-to-end/delete',
  'end-to-end/kill',
  'end-to-end/detection',
  'end-to-end/live',
  'end-to-end/process',
  'end-to-end/silent-start',
  'end-to-end/pgbouncer',
  'client/test/apollo-lines',
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return at === -1 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  resolve: {
    // Vite would take the package's `module` file and Node takes its `main`: two copies of graphql in one
    // process, whose types do not know each other.
    alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
  },
  test: {
    globalSetup: ['test/global-setup.ts'],
    include: ['test/**/*.test.ts', 'packages/*/test/**/*.test.{ts,tsx}', 'examples/*/test/**/*.test.ts'],
    // Only what hangs reaches these, also on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Waiting for something costs nothing when it comes; one second is short on a busy machine.
    expect: { poll: { timeout: 15_000 } },
    // Each worker loads the program once.
    isolate: false,
    // For two cores: many tests wait half of their time, for time-outs or for processes that come and go.
    maxWorkers: 4,
    sequence: { sequencer: LongFirst },
  },
});
