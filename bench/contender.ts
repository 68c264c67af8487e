/** The contenders, and how each is started. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { environmentOf } from './contenders/settings.js';
import type { Cores } from './cores.js';
import type { SocketProtocol } from './follower.js';
import { gatewayEnvironment } from './gateway-environment.js';
import { freePort, Program } from './program.js';
import type { Seeds } from './seed.js';
import type { SlowDisk } from './slow-disk.js';

export type ContenderName = 'gateway' | 'other-tree' | 'mercurius' | 'yoga' | 'apollo-express' | 'floor';

export interface Contender {
  readonly name: ContenderName;
  readonly label: string;
  readonly protocol: SocketProtocol;
  /** Whether a new follower first receives the current state. */
  readonly tellsPresentState: boolean;
}

export const GATEWAY: Contender = {
  name: 'gateway',
  label: 'this gateway',
  protocol: 'graphql',
  tellsPresentState: true,
};
/** The gateway of another tree. */
export const OTHER_TREE: Contender = { ...GATEWAY, name: 'other-tree', label: 'the other tree' };
export const FLOOR: Contender = {
  name: 'floor',
  label: 'bare floor',
  protocol: 'bare',
  tellsPresentState: false,
};
export const MERCURIUS = peer('mercurius', 'Mercurius');
export const APOLLO = peer('apollo-express', 'Apollo on Express');
/** What the gateway is compared with, unless it is with another tree. */
export const SERVERS: readonly Contender[] = [
  GATEWAY,
  MERCURIUS,
  peer('yoga', 'GraphQL Yoga'),
  APOLLO,
  FLOOR,
];

function peer(name: ContenderName, label: string): Contender {
  return { name, label, protocol: 'graphql', tellsPresentState: false };
}

export interface Tree {
  /** The project's root folder, with a build. */
  readonly root: string;
  /** Databases with its tables. */
  readonly seeds: Seeds;
}

export interface Place {
  readonly gateway: Tree;
  readonly otherTree: Tree | null;
  /** The folder of the contenders' bundled programs. */
  readonly programs: string;
  readonly hook: string;
  readonly cores: Cores | null;
  readonly slowDisk: SlowDisk | null;
  /** For files that are removed at the end of the run. */
  readonly folder: string;
  readonly akoolUrl: string;
}

export interface StartOptions {
  readonly stored: number;
  readonly open: number;
  /** Makes the floor write each change to a file; otherwise it keeps them in memory like the others. */
  readonly durable?: boolean;
  /** How much longer than on this machine's disk a commit takes, in milliseconds. */
  readonly commitMs?: number;
  /** The gateway's database file; by default a new one with the given number of jobs. */
  readonly database?: string;
  /** Runs the program as shipped, without the hook that reports its usage. */
  readonly bare?: boolean;
}

export interface Started {
  readonly contender: Contender;
  readonly program: Program;
  readonly stop: () => Promise<void>;
}

export async function startContender(
  contender: Contender,
  place: Place,
  { stored, open, durable = false, bare = false, commitMs = 0, database: given }: StartOptions,
): Promise<Started> {
  const folder = mkdtempSync(join(place.folder, `${contender.name}-`));
  const port = await freePort();
  const disk = commitMs === 0 ? {} : place.slowDisk?.environment(commitMs);
  if (disk === undefined) throw new Error('Commits can not be made slow here');
  const common = {
    name: contender.name,
    port,
    folder,
    hook: bare ? null : place.hook,
    core: place.cores?.measured,
  };
  const begin = async (): Promise<Program> => {
    const tree = treeOf(contender, place);
    if (tree === null) {
      const database = durable ? join(folder, 'floor.db') : '';
      const schemaFile = join(place.gateway.root, 'schema.graphql');
      const settings = environmentOf({ port, akoolUrl: place.akoolUrl, stored, open, database, schemaFile });
      const env = { ...disk, ...settings };
      return Program.start({ ...common, script: join(place.programs, `${contender.name}.mjs`), env });
    }
    const database = given ?? join(folder, 'gateway.db');
    if (given === undefined) await tree.seeds.copy({ stored, open }, database);
    mkdirSync(join(folder, 'archive'));
    const env = {
      ...disk,
      ...gatewayEnvironment(place.akoolUrl),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      DATABASE_URL: `sqlite:${database}`,
      ARCHIVE_DIR: join(folder, 'archive'),
    };
    return Program.start({ ...common, script: join(tree.root, 'dist/index.js'), env });
  };
  const program = await begin();
  return {
    contender,
    program,
    stop: async () => {
      await program.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Null for the other servers. */
function treeOf(contender: Contender, { gateway, otherTree }: Place): Tree | null {
  if (contender === GATEWAY) return gateway;
  return contender === OTHER_TREE ? otherTree : null;
}
