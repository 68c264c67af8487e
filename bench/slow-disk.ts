/** A disk that takes its time, where the machine's own is too fast for commits to matter. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export interface SlowDisk {
  /** The environment of a program whose commits take so many milliseconds longer. */
  readonly environment: (commitMs: number) => Readonly<Record<string, string>>;
}

/** Null where it can't be had: not Linux, or no C compiler. */
export function slowDisk(sources: string, folder: string): SlowDisk | null {
  if (process.platform !== 'linux') return null;
  const library = join(folder, 'slow-commit.so');
  const compiling = ['-shared', '-fPIC', '-O2', '-o', library, join(sources, 'slow-commit.c'), '-ldl'];
  if (spawnSync('cc', compiling, { stdio: 'ignore' }).status !== 0) return null;
  return { environment: (commitMs) => ({ LD_PRELOAD: library, COMMIT_MS: String(commitMs) }) };
}
