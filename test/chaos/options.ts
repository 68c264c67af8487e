/** How large a chaos run is, and which one of its size. */
import { parseArgs } from 'node:util';

export interface ChaosOptions {
  /** The folder of the project; `dist/` in it is what is run. */
  readonly root: string;
  readonly jobs: number;
  readonly kills: number;
  readonly tenants: number;
  /** Gateways, behind a load balancer where there are several. */
  readonly instances: number;
  /** An embedded file for one gateway; or PostgreSQL, and Redis, for any number. */
  readonly store: 'sqlite' | 'postgres';
  /** Orders, faults and moments of the kills follow from it; the operating system's timing does not. */
  readonly seed: number;
  /** False: the gateway runs without asking for results, and the run has to fail. */
  readonly reconciler: boolean;
  /** `JOB_DEADLINE_MS` of the gateway; a job that nobody ever hears of again takes so long to fail. */
  readonly deadlineMs: number;
  /** PostgreSQL and Redis fall silent for so long at most, and for a quarter of it at least. */
  readonly silenceMs: number;
  /** What has not ended by then counts as lost. */
  readonly limitMs: number;
}

export class OptionError extends Error {}

const USAGE = `npm run chaos -- [--jobs 500] [--kills 20] [--tenants 3] [--seed N]
                 [--instances 1] [--store sqlite|postgres]
                 [--deadline-seconds 12] [--silence-seconds 20] [--limit-seconds 900] [--without-reconciler]`;

/** @throws OptionError */
export function readOptions(args: readonly string[], root: string): ChaosOptions {
  const values = parsed(args);
  const instances = whole('instances', values.instances, 1);
  const { store } = values;
  if (store !== 'sqlite' && store !== 'postgres') {
    throw new OptionError(`--store is "${store}", must be sqlite or postgres\n${USAGE}`);
  }
  if (store === 'sqlite' && instances > 1) {
    throw new OptionError(`Several instances can't share a file: add --store postgres\n${USAGE}`);
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
      },
    }).values;
  } catch (error) {
    throw new OptionError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

function whole(name: string, text: string, least: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new OptionError(`--${name} is "${text}", must be a whole number from ${least} on\n${USAGE}`);
}
