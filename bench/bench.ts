/** The input of every measure. */
import { join } from 'node:path';
import { type Contender, type Place, type Started, type StartOptions, startContender } from './contender.js';
import type { BenchOptions } from './options.js';
import type { Results } from './results.js';

export interface Bench {
  readonly options: BenchOptions;
  readonly place: Place;
  readonly contenders: readonly Contender[];
  readonly results: Results;
  /** Reports progress. */
  readonly say: (line: string) => void;
}

/** Starts the contenders one after another, runs `work` while all are alive, and always stops them. */
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
  // Garbage left behind earlier must not count in this measure.
  const before = await program.collected();
  await work();
  const after = await program.usage();
  return (after.cpuMicros - before.cpuMicros) / count;
}

/** Repeats the work under the profiler if profiles are wanted. */
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
