/** Writing files so that those that fail can be removed. */
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

interface NewFileOptions {
  /** Whether the content must be on the disk before this resolves (fsync). */
  readonly flush?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Writes a file that does not exist yet. Once this has rejected, the file can be removed: nothing creates it later. */
export async function writeNewFile(
  path: string,
  content: Readable,
  { flush = false, signal }: NewFileOptions,
): Promise<void> {
  const file = createWriteStream(path, { flags: 'wx', flush });
  try {
    await pipeline(content, file, { ...(signal && { signal }) });
  } catch (error) {
    // It may still be being opened.
    if (!file.closed) await new Promise<void>((resolve) => file.once('close', () => resolve()));
    throw error;
  }
}
