/** Gives the measured program one core to itself, and everything else another. */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Null where processes cannot be pinned: not Linux, one core, no `taskset`. Figures are then rougher. */
export interface Cores {
  readonly measured: number;
  readonly others: number;
}

/** Moves this process to the core shared by everything that is not measured. */
export function divideCores(): Cores | null {
  if (process.platform !== 'linux' || availableParallelism() < 2) return null;
  const cores = { measured: 0, others: 1 };
  try {
    execFileSync('taskset', ['-a', '-p', '-c', String(cores.others), String(process.pid)], {
      stdio: 'ignore',
    });
    return cores;
  } catch {
    return null;
  }
}

/** The command that runs `command` on one core. */
export function onCore(core: number | undefined, command: readonly string[]): readonly string[] {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command];
}
