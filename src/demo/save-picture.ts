/** Saves a picture whose gateway is about to end. */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DemoError } from './options.js';

const DOWNLOAD_TIMEOUT_MS = 10_000;

/** Ids begin with the time, so those of one minute have the same first digits. */
export function fileNameOf(jobId: string): string {
  return `face-swap-${jobId.slice(-8)}.png`;
}

/**
 * Writes it into `folder`, or to the folder for temporary files if `folder` can't be written to.
 *
 * @returns the path of the file
 * @throws DemoError if it can't be downloaded, or written to either folder
 */
export async function savePicture(url: string, folder: string, name: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const picture = Buffer.from(await response.arrayBuffer());
    const writeTo = async (place: string): Promise<string> => {
      const file = join(place, name);
      await writeFile(file, picture);
      return file;
    };
    return await writeTo(folder).catch(() => writeTo(tmpdir()));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DemoError(`The picture is ready, but can't be saved: ${reason}`);
  }
}
