/** The options of the demo, from its command line and the environment. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
// As JSON, because `npm run demo -- --help` reads it too, and that builds nothing.
import usage from './usage.json' with { type: 'json' };

/** A picture of the user: at a URL, or in a file that has to be uploaded. */
export type PictureChoice =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'file'; readonly path: string };

export interface DemoOptions {
  /** The URL of the gateway, without a trailing slash. */
  readonly url: string;
  /** Whether the user chose this gateway, so that no other may be used. */
  readonly isChosen: boolean;
  readonly source: PictureChoice | null;
  readonly target: PictureChoice | null;
  /** An API key, a JWT or a follow token, sent as a bearer token. */
  readonly token: string | null;
  /** Where the user is: npm runs its commands in the folder of package.json. */
  readonly folder: string;
}

/** What went wrong, for the user at the terminal. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

export const USAGE = usage.join('\n');
const OPTIONS = '--url URL, --source PICTURE, --target PICTURE, --token T, --help';

/**
 * @returns null if only the usage was requested
 * @throws DemoError
 */
export function readOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): DemoOptions | null {
  const { url, source, target, token, help } = parsed(args);
  if (help === true) return null;
  const chosen = url ?? (environment['GATEWAY_URL'] || undefined);
  if (chosen !== undefined && !/^https?:\/\/[^/]/.test(chosen)) {
    throw new DemoError('The address of the gateway must begin with http:// or https://');
  }
  const folder = resolve(environment['INIT_CWD'] || '.');
  const port = Number(environment['PORT']) || 4000;
  return {
    url: (chosen ?? `http://127.0.0.1:${port}`).replace(/\/+$/, ''),
    isChosen: chosen !== undefined,
    source: choiceOf(source, folder),
    target: choiceOf(target, folder),
    token: token ?? null,
    folder,
  };
}

function choiceOf(text: string | undefined, folder: string): PictureChoice | null {
  if (text === undefined) return null;
  if (/^[a-z][\w+.-]*:\/\//i.test(text)) return { kind: 'url', url: text };
  return { kind: 'file', path: resolve(folder, text) };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: { url: text, source: text, target: text, token: text, help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    // What follows the first sentence is about arguments that begin with a hyphen.
    const [mistake] = (error instanceof Error ? error.message : String(error)).split(/\.\s|\n/, 1);
    throw new DemoError(`${mistake}. The options are: ${OPTIONS}`);
  }
}
