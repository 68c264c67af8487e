/** Reads `.env` into the environment. Variables that are set already win; blank ones count as unset. */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { reasonOf, StartError } from './errors.js';

/** @throws StartError if the file exists but can't be read */
export function loadEnvFile(file = '.env'): void {
  for (const [name, value] of Object.entries(parseEnv(textIn(file)))) {
    if (!process.env[name]?.trim()) process.env[name] = value;
  }
}

function textIn(file: string): string {
  try {
    const bytes = readFileSync(file);
    // The decoder also removes a byte order mark.
    return new TextDecoder(encodingOf(bytes)).decode(bytes);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOENT') return '';
    const reason = code === 'EISDIR' ? 'it is a directory' : reasonOf(error);
    throw new StartError(`${file} exists, but can't be read (${reason})`, { cause: error });
  }
}

/** Windows PowerShell and Notepad write UTF-16, usually with a byte order mark. */
function encodingOf([first, second]: Uint8Array): string {
  if ((first === 0xff && second === 0xfe) || second === 0) return 'utf-16le';
  if ((first === 0xfe && second === 0xff) || first === 0) return 'utf-16be';
  return 'utf-8';
}
