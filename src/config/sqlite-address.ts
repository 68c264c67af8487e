/** Reads the address of an embedded database: `sqlite:FILE`. */
import { homedir } from 'node:os';

/** Returns what is wrong with the address, to follow the setting's name; null if nothing is. */
export function sqliteMistake(address: string): string | null {
  const file = address.replace(/^sqlite:/, '');
  if (file === '') return 'names no file; it must be sqlite:FILE, like sqlite:data/gateway.db';
  if (/^\/\/[^/]/.test(file)) {
    return 'begins with sqlite://, which could mean two files; it must be sqlite:data/gateway.db for one in the working directory, or sqlite:/data/gateway.db';
  }
  if (/^file:/i.test(file)) return 'names a URI; it must be sqlite:FILE, with a path and without file:';
  if (file.includes('?')) return 'has parameters, but sqlite: takes none; it must be sqlite:FILE';
  if (/^~[^/]/.test(file))
    return "names another user's home directory; it must be sqlite:FILE or sqlite:~/FILE";
  return null;
}

/** Resolves `~/`, which only shells do, and `sqlite:///FILE`, the form of a URL. */
export function toSqlite(address: string): string {
  return address.replace(/^sqlite:~(?=\/|$)/, `sqlite:${homedir()}`).replace(/^sqlite:\/{3,}/, 'sqlite:/');
}
