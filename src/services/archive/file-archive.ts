/** The archive as files in one folder. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Archive } from './archive.js';

/** Files being written are out of the way of those being served, but on the same file system. */
const UNFINISHED = '.unfinished';

export function createFileArchive(dir: string): Archive {
  return new FileArchive(dir);
}

class FileArchive implements Archive {
  readonly #dir: string;
  readonly #unfinished: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.#unfinished = join(dir, UNFINISHED);
  }

  async start(): Promise<void> {
    await mkdir(this.#unfinished, { recursive: true });
    const day = Date.now() - 24 * 60 * 60 * 1000;
    // What a crash left behind. Another instance may share the folder, so only what is surely nobody's.
    for (const name of await readdir(this.#unfinished)) {
      if (Number(name.split('-', 1)[0]) < day) await rm(join(this.#unfinished, name), { force: true });
    }
  }

  async write(name: string, content: Readable): Promise<void> {
    const unfinished = join(this.#unfinished, `${Date.now()}-${randomUUID()}`);
    try {
      // `flush` is fsync: the name must never be there without the content.
      await pipeline(content, createWriteStream(unfinished, { flags: 'wx', flush: true }));
      await rename(unfinished, join(this.#dir, name));
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    await syncFolder(this.#dir);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#dir, name), { force: true });
  }
}

/** So that the rename itself survives a power cut. */
async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
