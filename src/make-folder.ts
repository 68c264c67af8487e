/** Folders that are made when they are first needed. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder, and those above it that are missing. Does nothing where it is there already.
 *
 * In place of `recursive`, with which Node tries again for ever where the folder above is there and yet nothing can be
 * made in it, as in /proc.
 *
 * @throws what the system said
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
