/** What is measured, and in how much detail. */
import { parseArgs } from 'node:util';

export const MEASURES = [
  'job',
  'jobs',
  'submit',
  'webhook',
  'update',
  'sockets',
  'start',
  'growth',
  'cluster',
] as const;
export type MeasureName = (typeof MEASURES)[number];

export interface BenchOptions {
  readonly only: readonly MeasureName[];
  /** Smaller rounds: checks that everything works, with rough figures. */
  readonly quick: boolean;
  /** Where the figures are written as JSON. */
  readonly output: string;
  /** Another tree's folder, with its build, to compare with instead of the other servers; or null. */
  readonly against: string | null;
  /** A folder for CPU profiles of the gateway, or null for none. */
  readonly profiles: string | null;
}

export class OptionError extends Error {
  constructor(mistake: string) {
    // The rest of a message of `parseArgs` is about arguments that begin with a hyphen.
    super(`${mistake.split(/\.\s|\n/, 1)[0]}; see npm run bench -- --help`);
  }
}

export const USAGE = `npm run bench -- [--quick] [--only ${MEASURES.join(',')}] [--output FILE] [--profiles FOLDER] [--against FOLDER]: see docs/performance.md`;

/**
 * Returns null if only the usage was requested.
 *
 * @throws OptionError
 */
export function readOptions(args: readonly string[], output: string): BenchOptions | null {
  const values = parsed(args);
  if (values.help === true) return null;
  const only = values.only?.split(',') ?? MEASURES;
  return {
    only: only.map((name) => {
      const known = MEASURES.find((measure) => measure === name);
      if (known === undefined) throw new OptionError(`There is no measure "${name}"`);
      return known;
    }),
    quick: values.quick === true,
    output: values.output ?? output,
    against: values.against ?? null,
    profiles: values.profiles ?? null,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string' },
        output: { type: 'string' },
        against: { type: 'string' },
        profiles: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
}
