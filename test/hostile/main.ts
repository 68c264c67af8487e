/** The command line of the hostile run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startControl } from './control.js';
import { OptionError, readOptions, USAGE } from './options.js';
import { headLine, lineOf } from './report.js';
import { runTrial } from './trial.js';

export interface Place {
  /** The folder of package.json. */
  readonly root: string;
  /** The bundled worker.ts. */
  readonly worker: string;
  /** Brings dist/ up to date. */
  readonly build: () => void;
}

/** Returns the exit code: 0 if everything held, 1 if something did not, 2 for wrong options. */
export async function main(args: readonly string[], { root, worker, build }: Place): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    console.error(error.message);
    return 2;
  }
  if (options === null) {
    console.log(USAGE);
    return 0;
  }
  build();
  const { size, attacks } = options;
  // Exit handlers stop the gateways; an unhandled signal would leave them running.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const program = join(root, 'dist/index.js');
  const folder = mkdtempSync(join(tmpdir(), 'hostile-control-'));
  const control = await startControl(program, folder);
  console.log(headLine());
  let broken = 0;
  try {
    for (const attack of attacks) {
      const verdict = await runTrial(attack, { size, program, worker, control });
      console.log(lineOf(verdict));
      if (verdict.broken.length > 0) broken += 1;
    }
  } finally {
    await control.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\n${attacks.length - broken} of ${attacks.length} attacks did nothing`);
  return broken === 0 ? 0 : 1;
}
