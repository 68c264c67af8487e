/** Creates folders when they are first needed. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a folder and its missing parents. Does nothing if it exists.
 *
 * Replaces the option `recursive`, with which Node retries forever if the parent exists but nothing can be created
 * in it, as in /proc.
 *
 * @throws the system error
 */
export function makeFolder(path: string): void {
  const above = dirname(path);
  if (!existsSync(above)) makeFolder(above);
  try {
    mkdirSync(path);
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
