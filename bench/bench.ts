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
import { interleaved, rotated } from './rounds.js';

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

interface Rounds<State> {
  /** The name of the figure; its unit is the microsecond. */
  readonly what: string;
  readonly options: StartOptions;
  readonly warmUp: (one: Started) => Promise<State>;
  /** How often each contender is measured in a round. */
  readonly turns: number;
  /** Returns CPU time, in microseconds. */
  readonly measure: (one: Started, state: State) => Promise<number>;
  /** Runs for each contender at the end of a round. */
  readonly afterwards?: (one: Started, state: State) => Promise<void>;
}

/**
 * Starts all contenders anew for each round, so that no figure depends on how V8 happened to compile one process.
 * Within a round they take short turns, so that whatever slows the machine for a while slows all of them.
 */
export async function inNewProcesses<State>(
  bench: Bench,
  { what, options, warmUp, turns, measure, afterwards }: Rounds<State>,
): Promise<void> {
  const { quick, against } = bench.options;
  const rounds = quick ? 3 : against === null ? 5 : 9;
  for (let round = 0; round < rounds; round += 1) {
    await withContenders(bench, bench.contenders, options, async (started) => {
      const all: { one: Started; state: State; micros: number }[] = [];
      for (const one of started) all.push({ one, state: await warmUp(one), micros: 0 });
      await interleaved(turns, all, async (each) => {
        each.micros += await measure(each.one, each.state);
      });
      for (const { one, state, micros } of rotated(all, round)) {
        bench.results.add(what, 'µs', one.contender.name, micros / turns);
        if (one.contender === GATEWAY && round === 0) {
          await profiled(bench, one, what, async () => {
            for (let turn = 0; turn < turns; turn += 1) await measure(one, state);
          });
        }
        await afterwards?.(one, state);
      }
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
