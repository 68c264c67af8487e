import { fileURLToPath } from 'node:url';

/** Returns the path of a file in dist/, both from there and from src/. */
export function builtFile(name: string): string {
  return fileURLToPath(new URL(`../dist/${name}`, import.meta.url));
}
