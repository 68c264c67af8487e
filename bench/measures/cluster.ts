/**
 * The cost of a whole job where several gateways share a PostgreSQL and a Redis: submitted on one, followed
 * on the other, with callbacks to both. CPU time of the gateways together, of PostgreSQL and of Redis.
 *
 * PostgreSQL is the one at `TEST_POSTGRES_URL`, reached with `psql`; Redis is started by the bench.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.js';
import { Follower } from '../follower.js';
import { gatewayEnvironment } from '../gateway-environment.js';
import { graphql, load } from '../http-load.js';
import { webhook } from '../keys.js';
import { SUBMIT, submitInput } from '../operations.js';
import { freePort, Program } from '../program.js';

const POSTGRES_URL = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const AT_ONCE = 16;
/** `/proc` counts in ticks, of which Linux always has 100 per second. */
const MICROS_PER_TICK = 10_000;

interface Submitted {
  readonly id: string;
  readonly providerId: string;
}

export async function measureCluster(bench: Bench): Promise<void> {
  const { place, results, say } = bench;
  const jobs = bench.options.quick ? 200 : 500;
  const name = `gateway_bench_${process.pid}`;
  const database = new URL(POSTGRES_URL);
  database.pathname = `/${name}`;
  try {
    ask(`create database ${name}`);
  } catch {
    say('cluster: left out, for there is no psql, or no PostgreSQL at TEST_POSTGRES_URL');
    return;
  }
  const redisPort = await freePort();
  const redis = spawn('redis-server', ['--port', String(redisPort), '--save', ''], { stdio: 'ignore' });
  const gateways: Program[] = [];
  try {
    await sleep(500);
    const archive = join(place.folder, 'cluster-archive');
    mkdirSync(archive);
    const ports = [await freePort(), await freePort()];
    for (const port of ports) {
      const env = {
        ...gatewayEnvironment(place.akoolUrl),
        PUBLIC_URL: `http://127.0.0.1:${ports[0]}`,
        DATABASE_URL: database.href,
        REDIS_URL: `redis://127.0.0.1:${redisPort}`,
        ARCHIVE_DIR: archive,
      };
      const script = join(place.gateway.root, 'dist/index.js');
      const { folder, hook } = place;
      gateways.push(
        await Program.start({ name: `gateway-${port}`, script, port, folder, env, hook, core: undefined }),
      );
    }
    const [first, second] = gateways;
    if (first === undefined || second === undefined) throw new Error('two gateways were started');
    const followers = await Promise.all(
      Array.from({ length: jobs }, () => Follower.open({ port: second.port, protocol: 'graphql' })),
    );
    await wholeJobs(first, second, followers);
    for (let round = 0; round < (bench.options.quick ? 3 : 5); round += 1) {
      const before = [await micros(gateways), cpuOf(isPostgres), cpuOf((pid) => pid === redis.pid)];
      await wholeJobs(first, second, followers);
      const after = [await micros(gateways), cpuOf(isPostgres), cpuOf((pid) => pid === redis.pid)];
      for (const [i, what] of ['gateways', 'PostgreSQL', 'Redis'].entries()) {
        results.add(
          `whole job, CPU of ${what}`,
          'µs',
          'gateway',
          ((after[i] ?? 0) - (before[i] ?? 0)) / jobs,
        );
      }
    }
    for (const follower of followers) follower.drop();
  } finally {
    for (const gateway of gateways) await gateway.kill();
    redis.kill('SIGKILL');
    ask(`drop database ${name} with (force)`);
  }
}

/** One job per follower, from the submit to the last update. */
async function wholeJobs(first: Program, second: Program, followers: readonly Follower[]): Promise<void> {
  const submitted: Submitted[] = [];
  const answered = (body: string): void => {
    const { data } = JSON.parse(body) as { data?: { submitFaceSwap: { job: Submitted } } };
    if (data === undefined) throw new Error(`a submit was answered with ${body}`);
    submitted.push(data.submitFaceSwap.job);
  };
  const submits = followers.map((_, n) => ({
    request: graphql(SUBMIT, { input: submitInput(n) }),
    answered,
  }));
  await load(first.port, submits, AT_ONCE);
  const before = followers.map(({ updates }) => updates);
  const told = (more: number) =>
    Promise.all(followers.map((follower, i) => follower.reached((before[i] ?? 0) + more)));
  for (const [i, follower] of followers.entries()) follower.follow(submitted[i]?.id ?? '');
  await told(1);
  for (const [status, program] of [
    [2, first],
    [3, second],
  ] as const) {
    const reports = submitted.map(({ providerId }) => ({
      // See `stub-akool.ts`.
      request: webhook({ providerId, callbackToken: providerId }, status),
    }));
    await load(program.port, reports, AT_ONCE);
    await told(status);
  }
}

async function micros(gateways: readonly Program[]): Promise<number> {
  const used = await Promise.all(gateways.map((gateway) => gateway.usage()));
  return used.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0);
}

/** CPU time of these processes, in microseconds. */
function cpuOf(isWanted: (pid: number) => boolean): number {
  let sum = 0;
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    try {
      if (!isWanted(pid)) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Fields 14 and 15 of proc(5), counted from the end of the name, which may contain anything.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      sum += (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
    } catch {
      // The process has ended.
    }
  }
  return sum;
}

/** PostgreSQL has one process per connection. */
function isPostgres(pid: number): boolean {
  return /postgres/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split(' ', 1)[0] ?? '');
}

function ask(statement: string): void {
  execFileSync('psql', [POSTGRES_URL, '-q', '-c', statement], { stdio: 'ignore' });
}
