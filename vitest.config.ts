import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // Vite would take the package's `module` file and Node takes its `main`: two copies of graphql in one
    // process, whose types do not know each other.
    alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Waiting for something costs nothing when it comes; one second is short on a busy machine.
    expect: { poll: { timeout: 15_000 } },
    // Two cores: more workers than that only make real servers wait for each other.
    maxWorkers: 2,
    isolate: false,
  },
});
