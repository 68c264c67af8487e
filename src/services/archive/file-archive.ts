/** The archive as files in one folder. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Archive } from './archive.js';

/** Files being written are out of the way of those being served, but on the same file system. */
const UNFINISHED = '.unfinished';
/** A file that has not grown for so long has lost its writer: those give up on silence much sooner. */
const LEFT_BEHIND_MS = 60 * 60 * 1000;

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
    await this.sweep();
  }

  async write(name: string, content: Readable): Promise<void> {
    const unfinished = join(this.#unfinished, randomUUID());
    try {
      // Somebody may have tidied the folder away.
      await mkdir(this.#unfinished, { recursive: true });
      // `flush` is fsync: the name must never be there without the content.
      await pipeline(content, createWriteStream(unfinished, { flags: 'wx', flush: true }));
      await rename(unfinished, join(this.#dir, name));
    } catch (error) {
      content.destroy();
      await rm(unfinished, { force: true }).catch(() => {});
      throw error;
    }
    await syncFolder(this.#dir);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#dir, name), { force: true });
  }

  async removeAny(stem: string): Promise<void> {
    for (const name of await namesIn(this.#dir)) {
      if (name.startsWith(`${stem}.`)) await this.remove(name);
    }
  }

  async sweep(): Promise<void> {
    const before = Date.now() - LEFT_BEHIND_MS;
    for (const name of await namesIn(this.#unfinished)) {
      const path = join(this.#unfinished, name);
      // Another instance may share the folder, and rename or remove a file between the two.
      const changedAt = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => before,
      );
      if (changedAt < before) await rm(path, { force: true });
    }
  }
}

/** None where there is no such folder. */
async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
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
