/** Time until ready, and memory at rest. Runs the programs as shipped, without the hook. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.js';
import { type Contender, type StartOptions, startContender } from '../contender.js';
import { interleaved } from '../rounds.js';

const MIB = 1024 * 1024;

export async function measureStart(bench: Bench): Promise<void> {
  const { quick } = bench.options;
  await interleaved(quick ? 3 : 5, bench.contenders, (contender) =>
    startOnce(bench, contender, { stored: 1000, open: 0 }, { restMs: quick ? 1000 : 2500, at: '' }),
  );
}

/** @param at suffix for the names of the figures */
export async function startOnce(
  { place, results }: Bench,
  contender: Contender,
  options: StartOptions,
  { restMs, at }: { readonly restMs: number; readonly at: string },
): Promise<void> {
  const one = await startContender(contender, place, { ...options, bare: true });
  try {
    results.add(`start${at}`, 'ms', contender.name, one.program.readyAfterMs);
    await sleep(restMs);
    results.add(`rest${at}`, 'MB', contender.name, one.program.residentBytes() / MIB);
  } finally {
    await one.stop();
  }
}
