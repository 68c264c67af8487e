/** Writing files that are complete or not there. */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

interface NewFileOptions {
  /** Whether the content must be on the disk before this resolves (fsync). */
  readonly flush?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Writes a file that does not exist yet. Leaves none if that fails, and rejects with the reason. */
export async function writeNewFile(
  path: string,
  content: Readable,
  { flush = false, signal }: NewFileOptions,
): Promise<void> {
  const file = createWriteStream(path, { flags: 'wx', flush });
  try {
    await pipeline(content, file, { ...(signal && { signal }) });
  } catch (error) {
    // While it is still being opened, it would appear after it was removed.
    if (!file.closed) await new Promise<void>((resolve) => file.once('close', () => resolve()));
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
}
