/**
 * The folder on the local disk in which files of callers arrive, before they are checked and stored.
 *
 * Each process has a folder of its own in it, so that what a dead process left can be told from what is arriving:
 * - the folder's name has the host, its process namespace and the process: within the same namespace it shows whether
 *   that process still runs;
 * - the folder's time says when its process was last seen, for everyone else: gateways may share a disk.
 */
import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm, statfs, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../make-folder.js';

/** A process that was not seen for this long is dead. It shows itself every minute; clocks may differ. */
const DEAD_AFTER_MS = 5 * 60_000;

export class Spool {
  readonly #dir: string;
  readonly #prefix: string;
  /** Of this process. */
  #folder: Promise<string> | null = null;

  /**
   * @param dir the folder of all processes
   * @param prefix of the names in it, if it has others too
   */
  constructor(dir: string, prefix = '') {
    this.#dir = dir;
    this.#prefix = prefix;
  }

  /** Checks that files can arrive, and removes what dead processes left. Rejects with the system's error. */
  async start(): Promise<void> {
    await this.newFile();
    await this.sweep();
  }

  /** Removes the folder of this process. May be called twice. */
  async stop(): Promise<void> {
    const folder = await this.#folder?.catch(() => null);
    this.#folder = null;
    if (folder) await rm(folder, { recursive: true, force: true });
  }

  /** Returns the path of a file that does not exist yet. Whoever asks for it removes it, and what is made of it. */
  async newFile(): Promise<string> {
    let folder = await this.#ownFolder();
    if (!(await isThere(folder))) {
      // Somebody has tidied up.
      this.#folder = null;
      folder = await this.#ownFolder();
    }
    return join(folder, randomUUID());
  }

  /** How many bytes can still be stored; none if the disk can't be used. */
  async freeBytes(): Promise<number> {
    try {
      const { bavail, bsize } = await statfs(this.#dir);
      return bavail * bsize;
    } catch {
      return 0;
    }
  }

  /** Removes what dead processes left, and shows the others that this one lives. */
  async sweep(): Promise<void> {
    const own = await this.#folder?.catch(() => null);
    if (own && (await isThere(own))) await utimes(own, new Date(), new Date());
    for (const name of await readdir(this.#dir).catch(() => [])) {
      const path = join(this.#dir, name);
      if (name.startsWith(this.#prefix) && path !== own && (await this.#isLeftBehind(path, name))) {
        await rm(path, { recursive: true, force: true });
      }
    }
  }

  async #isLeftBehind(path: string, name: string): Promise<boolean> {
    const [host, pid, started] = name.slice(this.#prefix.length).split('~');
    // In a folder for everybody, others may have chosen such a name.
    const stats = await lstat(path).catch(() => null);
    if (stats?.isDirectory() !== true || stats.uid !== (process.getuid?.() ?? stats.uid)) return false;
    if (host === HOST && !isRunning(Number(pid), Number(started))) return true;
    return Date.now() - stats.mtimeMs > DEAD_AFTER_MS;
  }

  #ownFolder(): Promise<string> {
    this.#folder ??= this.#makeFolder().catch((error: unknown) => {
      this.#folder = null;
      throw error;
    });
    return this.#folder;
  }

  async #makeFolder(): Promise<string> {
    makeFolder(this.#dir);
    // Only this user may read it.
    return mkdtemp(join(this.#dir, `${this.#prefix}${HOST}~${process.pid}~${STARTED}~`));
  }
}

/** Containers may share the host's name, but not its processes. */
const HOST = encodeURIComponent(`${hostname()}.${processNamespace()}`);
/** The processes of a container that is restarted have the same numbers again, but not the same start. */
const STARTED = Math.trunc(performance.timeOrigin);

/** Returns an empty text where there are no namespaces. */
function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function isRunning(pid: number, started: number): boolean {
  if (pid === process.pid) return started === STARTED;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is another user's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}
