/** The size of a chaos run, and its seed. */
import { parseArgs } from 'node:util';

export interface ChaosOptions {
  /** The project's root folder, whose `dist/` is run. */
  readonly root: string;
  readonly jobs: number;
  readonly kills: number;
  readonly tenants: number;
  /** Number of gateways; several are behind a load balancer. */
  readonly instances: number;
  /** An embedded file, for one gateway; or PostgreSQL and Redis, for any number. */
  readonly store: 'sqlite' | 'postgres';
  /** Determines orders, faults and moments of the kills, but not the operating system's timing. */
  readonly seed: number;
  /** If false, the gateway does not poll, and the run has to fail. */
  readonly reconciler: boolean;
  /** The gateway's `JOB_DEADLINE_MS`, after which a job without news fails. */
  readonly deadlineMs: number;
  /** PostgreSQL and Redis hang for at most this long, and at least a quarter of it. */
  readonly silenceMs: number;
  /** Jobs that have not ended by then count as lost. */
  readonly limitMs: number;
}

export class OptionError extends Error {
  constructor(mistake: string) {
    // The rest of a message of `parseArgs` is about arguments that begin with a hyphen.
    super(`${mistake.split(/\.\s|\n/, 1)[0]}; see npm run chaos -- --help`);
  }
}

export const USAGE = `npm run chaos -- [--jobs 500] [--kills 20] [--tenants 3] [--seed N]
                 [--instances 1] [--store sqlite|postgres]
                 [--deadline-seconds 12] [--silence-seconds 20] [--limit-seconds 900] [--without-reconciler]

Kills gateways while customers submit jobs through them, and checks that nothing was lost or paid twice.
Exit code 0: all held; 1: something did not; 2: wrong options. Such a run takes some minutes: see docs/chaos.md.`;

/**
 * Returns null if only the usage was requested.
 *
 * @throws OptionError
 */
export function readOptions(args: readonly string[], root: string): ChaosOptions | null {
  const values = parsed(args);
  if (values.help === true) return null;
  const instances = whole('instances', values.instances, 1);
  const { store } = values;
  if (store !== 'sqlite' && store !== 'postgres') {
    throw new OptionError(`--store is "${store}", must be sqlite or postgres`);
  }
  if (store === 'sqlite' && instances > 1) {
    throw new OptionError("Several instances can't share a file: add --store postgres");
  }
  return {
    root,
    jobs: whole('jobs', values.jobs, 1),
    kills: whole('kills', values.kills, 0),
    tenants: whole('tenants', values.tenants, 1),
    instances,
    store,
    seed: values.seed === undefined ? Date.now() % 1_000_000 : whole('seed', values.seed, 0),
    deadlineMs: whole('deadline-seconds', values['deadline-seconds'], 1) * 1000,
    silenceMs: whole('silence-seconds', values['silence-seconds'], 1) * 1000,
    limitMs: whole('limit-seconds', values['limit-seconds'], 1) * 1000,
    reconciler: values['without-reconciler'] !== true,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        jobs: { type: 'string', default: '500' },
        kills: { type: 'string', default: '20' },
        tenants: { type: 'string', default: '3' },
        instances: { type: 'string', default: '1' },
        store: { type: 'string', default: 'sqlite' },
        seed: { type: 'string' },
        'deadline-seconds': { type: 'string', default: '12' },
        'silence-seconds': { type: 'string', default: '20' },
        'limit-seconds': { type: 'string', default: '900' },
        'without-reconciler': { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
}

function whole(name: string, text: string, least: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new OptionError(`--${name} is "${text}", must be a whole number from ${least} on`);
}
