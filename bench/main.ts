/** The command line of the bench. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Bench } from './bench.js';
import { FLOOR, GATEWAY, OTHER_TREE, type Place, SERVERS } from './contender.js';
import { divideCores } from './cores.js';
import { measureCluster } from './measures/cluster.js';
import { measureGrowth } from './measures/growth.js';
import { measureJob, measureJobs } from './measures/queries.js';
import { measureSockets } from './measures/sockets.js';
import { measureStart } from './measures/start.js';
import { measureUpdate } from './measures/update.js';
import { measureSubmit, measureWebhook } from './measures/writes.js';
import type { BenchOptions, MeasureName } from './options.js';
import { freePort, Program } from './program.js';
import { printable } from './report.js';
import { Results } from './results.js';
import { Seeds } from './seed.js';
import { slowDisk } from './slow-disk.js';
import { verdicts } from './targets.js';

const MEASURING: Readonly<Record<MeasureName, (bench: Bench) => Promise<void>>> = {
  job: measureJob,
  jobs: measureJobs,
  submit: measureSubmit,
  webhook: measureWebhook,
  update: measureUpdate,
  sockets: measureSockets,
  start: measureStart,
  growth: measureGrowth,
  cluster: measureCluster,
};

export interface Paths {
  readonly root: string;
  /** The folder of the bundled programs. */
  readonly programs: string;
}

/** Returns the exit code: 1 if a contender failed or answered differently from the others, otherwise 0. */
export async function main(options: BenchOptions, { root, programs }: Paths): Promise<number> {
  const against = options.against === null ? null : resolve(options.against);
  const cores = divideCores();
  const kept = join(tmpdir(), 'face-swap-gateway-bench');
  mkdirSync(kept, { recursive: true });
  const seeds = join(kept, 'seeds');
  if (options.profiles !== null) mkdirSync(options.profiles, { recursive: true });
  const folder = mkdtempSync(join(kept, 'run-'));
  const akool = await Program.start({
    name: 'stub-akool',
    script: join(programs, 'stub-akool.mjs'),
    port: await freePort(),
    folder,
    env: {},
    hook: null,
    core: cores?.others,
  });
  const place: Place = {
    gateway: { root, seeds: new Seeds(root, seeds) },
    otherTree: against === null ? null : { root: against, seeds: new Seeds(against, seeds) },
    programs,
    hook: join(root, 'bench/hook.cjs'),
    cores,
    slowDisk: slowDisk(join(root, 'bench'), folder),
    folder,
    akoolUrl: `http://127.0.0.1:${akool.port}`,
  };
  const contenders = against === null ? SERVERS : [GATEWAY, OTHER_TREE, FLOOR];
  const bench: Bench = {
    options,
    place,
    contenders,
    results: new Results(),
    say: (line) => console.error(line),
  };
  try {
    for (const name of options.only) {
      const startedAt = performance.now();
      await MEASURING[name](bench);
      bench.say(`${name}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    }
    console.log(printable(bench.results, contenders));
    write(options.output, {
      machine: machine(),
      options,
      targets: verdicts(bench.results),
      results: bench.results.all,
    });
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  } finally {
    await akool.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function machine(): object {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? '',
    cores: availableParallelism(),
    system: `${process.platform} ${release()}`,
    node: process.version,
    /** Over the last minute, at the end of the run: much more than 2 means that the machine was busy. */
    load: loadavg()[0],
  };
}

function write(file: string, content: object): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  console.error(`All figures are in ${file}`);
}
