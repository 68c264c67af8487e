/** Which attacks run, and at what size. */
import { parseArgs } from 'node:util';
import type { Attack, Size } from './attack.js';
import { ATTACKS } from './attacks.js';

export interface HostileOptions {
  readonly size: Size;
  readonly attacks: readonly Attack[];
}

export class OptionError extends Error {
  constructor(mistake: string) {
    // The rest of a message of `parseArgs` is about arguments that begin with a hyphen.
    super(`${mistake.split(/\.\s|\n/, 1)[0]}; see npm run hostile -- --help`);
  }
}

export const USAGE = `npm run hostile -- [--size full|small] [--only ATTACK,ATTACK] [--except ATTACK,ATTACK]

Runs each attack on a gateway of its own, with a heap of 512 MB, that serves another tenant at the same time.
Exit code 0: all held; 1: some did not; 2: wrong options. A full run takes some 15 minutes.

${ATTACKS.map(({ name, shows }) => `  ${name.padEnd(24)}${shows}`).join('\n')}`;

/**
 * Returns null if only the usage was requested.
 *
 * @throws OptionError
 */
export function readOptions(args: readonly string[]): HostileOptions | null {
  const { size, only, except, help } = parsed(args);
  if (help === true) return null;
  if (size !== 'full' && size !== 'small') {
    throw new OptionError(`--size is "${size}", must be full or small`);
  }
  const all = ATTACKS.map(({ name }) => name);
  const [chosen, left] = [only?.split(',') ?? all, except?.split(',') ?? []];
  const unknown = [...chosen, ...left].find((name) => !all.includes(name));
  if (unknown !== undefined) throw new OptionError(`There is no attack "${unknown}"`);
  return { size, attacks: ATTACKS.filter(({ name }) => chosen.includes(name) && !left.includes(name)) };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        size: { type: 'string', default: 'full' },
        only: { type: 'string' },
        except: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
}
