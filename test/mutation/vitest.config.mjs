/** The tests of one group. Each file has its own modules, in which mutants are activated. */
import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** Stryker only looks at tests, so a file that fails to load would count as passed. */
class LoadErrors {
  onInit(vitest) {
    this.vitest = vitest;
  }

  onTestModuleEnd(module) {
    for (const error of module.errors()) this.vitest.state.catchError(error, 'Load Error');
  }
}

export default defineConfig({
  resolve: base.resolve,
  test: {
    include: JSON.parse(process.env.MUTATION_TESTS ?? '[]'),
    reporters: [new LoadErrors()],
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
