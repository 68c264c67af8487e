/** What the demo is told on its command line and by the environment. */
import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Where the gateway is, without a slash at the end. */
  readonly url: string;
  /** Somebody named this gateway: no other will do. */
  readonly isChosen: boolean;
  readonly source: string | null;
  readonly target: string | null;
  /** An API key, a JWT or a follow token, sent as a bearer token. */
  readonly token: string | null;
}

/** What went wrong, said to the person at the terminal. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

export const USAGE = `Submits a face swap and shows its life as it happens.

  npm run demo -- [options]

  --url URL      the gateway; default: GATEWAY_URL, else this machine's, on PORT or 4000.
                 Where none is named and none answers there, the demo runs its own.
  --source URL   the picture with the new face; default: a sample of the gateway's sandbox
  --target URL   the picture it goes into; the same
  --token T      sent as "Authorization: Bearer T"
  --help         shows this

Ends with 0 when the job is COMPLETED, and with 1 otherwise.`;

/**
 * @returns null when only the usage is asked for
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
  const port = Number(environment['PORT']) || 4000;
  return {
    url: (chosen ?? `http://127.0.0.1:${port}`).replace(/\/+$/, ''),
    isChosen: chosen !== undefined,
    source: source ?? null,
    target: target ?? null,
    token: token ?? null,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: { url: text, source: text, target: text, token: text, help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    throw new DemoError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}
