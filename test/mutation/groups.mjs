/**
 * The files to mutate, group by group, and the tests expected to notice: the fast ones among those that cover
 * them, because they run once per mutant.
 */
export const GROUPS = {
  machine: {
    mutate: ['src/services/jobs/transition.ts', 'src/services/jobs/job.ts', 'src/services/jobs/new-job.ts'],
    tests: ['test/services/jobs/transition.test.ts'],
  },
  callbacks: {
    mutate: [
      'src/services/workers/callback-receiver.ts',
      'src/services/akool/verdict.ts',
      'src/services/akool/callback.ts',
      'src/services/akool/callback-body.ts',
      'src/services/akool/callback-error.ts',
    ],
    tests: [
      'test/services/akool/{calls,callback,codes,submit}.test.ts',
      'test/services/workers/callback-receiver.test.ts',
    ],
  },
  rules: {
    mutate: ['src/schema/rules.ts', 'src/schema/face-swap.input.ts', 'src/schema/face-swap-plus.input.ts'],
    tests: ['test/schema/*.test.ts'],
  },
  rows: {
    mutate: ['src/services/store/*-rows.ts', 'src/services/store/{upload-ends,upload-pages,job-uploads}.ts'],
    tests: ['test/services/store/{sqlite,recent-jobs}.test.ts'],
  },
  limits: {
    mutate: [
      'src/graphql/{answer-size,documents-in-use,query-limits,rate-limits}.ts',
      'src/services/limits/{answer-budget,held-bytes,shares}.ts',
    ],
    tests: [
      'test/graphql/{answer-size,documents-in-use,query-limits,rate-limits}.test.ts',
      'test/services/limits/{answer-budget,held-bytes}.test.ts',
    ],
  },
};
