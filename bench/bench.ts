/** The input of every measure. */
import { join } from 'node:path';
import {
  type Contender,
  GATEWAY,
  type Place,
  type Started,
  type StartOptions,
  startContender,
} from './contender.js';
import type { BenchOptions } from './options.js';
import type { Results } from './results.js';
import { rotated } from './rounds.js';

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

interface Rounds {
  readonly options: StartOptions;
  readonly warmUp: (one: Started) => Promise<unknown>;
  readonly measure: (one: Started) => Promise<void>;
  /** Runs under the profiler, if profiles are wanted. */
  readonly profiled: readonly [name: string, work: (one: Started) => Promise<unknown>];
}

/**
 * Starts all contenders anew for each round, so that no figure depends on how V8 happened to compile one process.
 */
export async function inNewProcesses(
  bench: Bench,
  { options, warmUp, measure, profiled: [name, work] }: Rounds,
): Promise<void> {
  const { quick, against } = bench.options;
  const rounds = quick ? 3 : against === null ? 5 : 9;
  for (let round = 0; round < rounds; round += 1) {
    await withContenders(bench, bench.contenders, options, async (started) => {
      for (const one of started) await warmUp(one);
      for (const one of rotated(started, round)) await measure(one);
      const gateway = started.find(({ contender }) => contender === GATEWAY);
      if (gateway !== undefined && round === 0) await profiled(bench, gateway, name, () => work(gateway));
    });
  }
}

/** CPU time of each operation, in microseconds, in a process that is warm. */
export async function warmCpu(
  { program }: Started,
  count: number,
  work: () => Promise<unknown>,
): Promise<number> {
  // Collecting all garbage first would discard compiled code, whose objects nothing refers to between requests.
  const before = await program.usage();
  await work();
  const after = await program.usage();
  return (after.cpuMicros - before.cpuMicros) / count;
}

/** The same, once all garbage left behind earlier is collected. */
export async function cpuEach(one: Started, count: number, work: () => Promise<unknown>): Promise<number> {
  await one.program.collected();
  return warmCpu(one, count, work);
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
