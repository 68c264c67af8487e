/** A blob store of files in one directory. */
import { randomUUID } from 'node:crypto';
import {
  access,
  constants,
  type FileHandle,
  mkdir,
  open,
  opendir,
  readdir,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { makeFolder } from '../../make-folder.js';
import type { BlobStore, ByteRange, StoredBlob, WriteOptions } from './blob-store.js';
import { HEAD_BYTES, mediaTypeOf } from './media-type.js';
import { writeNewFile } from './new-file.js';

/** Files being written are kept apart from those being served, but on the same file system. */
const UNFINISHED = '.unfinished';
/**
 * A file that has not grown for this long has no writer any more, because writers give up on silence much
 * sooner.
 */
const LEFT_BEHIND_MS = 60 * 60 * 1000;

export function createFolderBlobStore(dir: string): BlobStore {
  return new FolderBlobStore(dir);
}

class FolderBlobStore implements BlobStore {
  readonly #dir: string;
  readonly #unfinished: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.#unfinished = join(dir, UNFINISHED);
  }

  async start(): Promise<void> {
    makeFolder(this.#unfinished);
    // The directories may already exist and belong to another user.
    for (const dir of [this.#dir, this.#unfinished]) await access(dir, constants.R_OK | constants.W_OK);
    await this.sweep();
  }

  async stop(): Promise<void> {}

  async find(name: string): Promise<StoredBlob | null> {
    const file = await openFile(join(this.#dir, name));
    if (file === null) return null;
    try {
      const { size, mtime, mtimeMs } = await file.stat();
      return {
        contentType: await contentTypeOf(file),
        byteSize: size,
        // Files appear complete and never change, so modification time and size identify a version.
        etag: `"${Math.trunc(mtimeMs).toString(16)}-${size.toString(16)}"`,
        modifiedAt: mtime,
      };
    } finally {
      await file.close();
    }
  }

  async read(name: string, { first, last }: ByteRange, signal?: AbortSignal): Promise<Readable | null> {
    const file = await openFile(join(this.#dir, name));
    if (file === null) return null;
    try {
      if ((await file.stat()).size <= last) throw new RangeError('The file is shorter than it was');
    } catch (error) {
      await file.close();
      throw error;
    }
    // The stream closes the file.
    return file.createReadStream({ start: first, end: last, ...(signal && { signal }) });
  }

  async write(name: string, content: Readable, { signal }: WriteOptions): Promise<void> {
    const unfinished = join(this.#unfinished, randomUUID());
    try {
      // The directory may have been deleted.
      await mkdir(this.#unfinished, { recursive: true });
      // The name must never exist without the content.
      await writeNewFile(unfinished, content, { flush: true, signal });
      await unnamed(rename(unfinished, join(this.#dir, name)));
    } catch (error) {
      content.destroy();
      await rm(unfinished, { force: true }).catch(() => {});
      throw error;
    }
    await sync(this.#dir);
  }

  async adopt(name: string, path: string, { signal }: WriteOptions): Promise<void> {
    await sync(path);
    signal?.throwIfAborted();
    await unnamed(rename(path, join(this.#dir, name)));
    await sync(this.#dir);
  }

  async remove(name: string): Promise<void> {
    await unnamed(rm(join(this.#dir, name), { force: true }));
  }

  async removeAny(stem: string): Promise<void> {
    // In order, so that a copy goes before its thumbnails, as in a bucket.
    for (const name of (await namesIn(this.#dir)).sort()) {
      if (name.startsWith(`${stem}.`)) await this.remove(name);
    }
  }

  async *names(): AsyncGenerator<string, void> {
    // Not all at once: there may be millions.
    const entries = await opendir(this.#dir).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    for await (const entry of entries) if (entry.isFile()) yield entry.name;
  }

  async sweep(): Promise<void> {
    const before = Date.now() - LEFT_BEHIND_MS;
    for (const name of await namesIn(this.#unfinished)) {
      const path = join(this.#unfinished, name);
      // Another instance may share the directory, and rename or remove a file between the two calls.
      const changedAt = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => before,
      );
      if (changedAt < before) await rm(path, { force: true });
    }
  }
}

/** Removes the path from an error of the system, because a blob's name is a permission, and errors are logged. */
async function unnamed<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    throw Object.assign(new Error(`${syscall} failed: ${code}`), { code });
  }
}

/** Returns null if there is none, or it is not a file. */
async function openFile(path: string): Promise<FileHandle | null> {
  let handle: FileHandle;
  try {
    handle = await unnamed(open(path, 'r'));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    if ((await handle.stat()).isFile()) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return null;
}

/** Detects the type from the first bytes like the archiver, not from the name. */
async function contentTypeOf(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  return (await mediaTypeOf(buffer.subarray(0, bytesRead)))?.contentType ?? 'application/octet-stream';
}

/** Returns no names if the directory does not exist. */
async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Makes a file's content, or a rename in a directory, survive a power cut. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
