import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

/** Tests that wait most of their time: for time-outs, for servers that are away, for processes that come and go. */
const WAITING = [
  'test/end-to-end/{account-hold,archive,changes,clock,delete,detection,failover,instances,kill,late-answer,late-result,live,outage,outcome,pgbouncer}.test.ts',
  'test/end-to-end/{media,proxies,silent-postgres,silent-redis,silent-start,sockets,start,stop,token}.test.ts',
  'test/services/bus/redis-faults.test.ts',
  'test/services/jobs/job-service.test.ts',
  'test/services/store/lost-commits.test.ts',
];

export default defineConfig({
  resolve: {
    // Vite would take the package's `module` file and Node takes its `main`: two copies of graphql in one
    // process, whose types do not know each other.
    alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
  },
  test: {
    globalSetup: ['test/global-setup.ts'],
    // Only what hangs reaches these, also on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Waiting for something costs nothing when it comes; one second is short on a busy machine.
    expect: { poll: { timeout: 15_000 } },
    isolate: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'working',
          include: ['test/**/*.test.ts'],
          exclude: WAITING,
          // Two cores: more workers than that only make real servers wait for each other.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'waiting', include: WAITING, maxWorkers: 5, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
