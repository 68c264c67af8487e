/** Simulates a slow disk, since the machine's own may be too fast for commits to matter. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export interface SlowDisk {
  /** The environment of a program whose commits take this many milliseconds longer. */
  readonly environment: (commitMs: number) => Readonly<Record<string, string>>;
}

/** Returns null where this is not possible: not Linux, or no C compiler. */
export function slowDisk(sources: string, folder: string): SlowDisk | null {
  if (process.platform !== 'linux') return null;
  const library = join(folder, 'slow-commit.so');
  const compiling = ['-shared', '-fPIC', '-O2', '-o', library, join(sources, 'slow-commit.c'), '-ldl'];
  if (spawnSync('cc', compiling, { stdio: 'ignore' }).status !== 0) return null;
  return { environment: (commitMs) => ({ LD_PRELOAD: library, COMMIT_MS: String(commitMs) }) };
}
