/** The tests of one group, each file with modules of its own: in them mutants are switched on. */
import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** Stryker looks at tests alone, and takes a file for passed that could not even be loaded. */
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
