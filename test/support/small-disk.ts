/** A test's own disk, which can be filled: a file system in memory, where this user may mount one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly dir: string;
  /** Takes all remaining room. */
  fill(): void;
  /** Safe to call twice. */
  makeRoom(): void;
  remove(): void;
}

/** Returns null with a warning if none can be mounted; throws in CI, where it must be possible. */
export function mountSmallDisk(kilobytes: number): SmallDisk | null {
  const dir = mkdtempSync(join(tmpdir(), 'small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', dir], { stdio: 'pipe' });
  } catch (error) {
    rmdirSync(dir);
    const message = 'No file system can be mounted here: the tests of a full disk are skipped';
    if (process.env['CI']) throw new Error(message, { cause: error });
    process.stderr.write(`${message}\n`);
    return null;
  }
  const filler = join(dir, 'filler');
  return {
    dir,
    fill: () => {
      // The bytes written before the failure stay.
      expectNoRoom(() => writeFileSync(filler, Buffer.alloc(kilobytes * 1024)));
    },
    makeRoom: () => rmSync(filler, { force: true }),
    remove: () => {
      execFileSync('umount', ['--lazy', dir], { stdio: 'pipe' });
      rmdirSync(dir);
    },
  };
}

function expectNoRoom(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return;
    throw error;
  }
  throw new Error('The disk was larger than it was said to be');
}
