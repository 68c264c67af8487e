import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

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
    maxWorkers: 5,
    // A worker holds many gateways and answers: with Node's 16 MiB it collects garbage for 5 % of the time more.
    execArgv: ['--max-semi-space-size=64'],
  },
});
