/** What every measure is given. */
import { join } from 'node:path';
import { type Contender, type Place, type Started, type StartOptions, startContender } from './contender.js';
import type { BenchOptions } from './options.js';
import type { Results } from './results.js';

export interface Bench {
  readonly options: BenchOptions;
  readonly place: Place;
  readonly results: Results;
  /** Tells whoever waits what is going on. */
  readonly say: (line: string) => void;
}

/** Starts them, at once alive and each asked in its turn; stops them whatever happens. */
export async function withContenders(
  bench: Bench,
  contenders: readonly Contender[],
  options: StartOptions,
  work: (started: readonly Started[]) => Promise<void>,
): Promise<void> {
  const started: Started[] = [];
  try {
    for (const contender of contenders) started.push(await startContender(contender, bench.place, options));
    await work(started);
  } finally {
    for (const one of started) await one.stop();
  }
}

/** CPU time of each operation, in microseconds. */
export async function cpuEach(
  { program }: Started,
  count: number,
  work: () => Promise<unknown>,
): Promise<number> {
  // What was left behind before is not to be paid for now.
  const before = await program.collected();
  await work();
  const after = await program.usage();
  return (after.cpuMicros - before.cpuMicros) / count;
}

/** Does the work once more under the profiler, where profiles are wanted. */
export async function profiled(
  { options }: Bench,
  { program }: Started,
  name: string,
  work: () => Promise<unknown>,
): Promise<void> {
  if (options.profiles === null) return;
  await program.startProfile();
  await work();
  await program.stopProfile(join(options.profiles, `${name}.cpuprofile`));
}
