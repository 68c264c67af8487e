/** Reading: one job by its id, and a page of jobs. */
import { isDeepStrictEqual } from 'node:util';
import { type Bench, cpuEach, inNewProcesses, warmCpu, withContenders } from '../bench.js';
import { FLOOR, OTHER_TREE, type Started } from '../contender.js';
import { type Exchange, graphql, load } from '../http-load.js';
import { DIRECTIVES, JOB, JOBS, PAGE_SIZE } from '../operations.js';
import { jobId } from '../sample-jobs.js';

const AT_ONCE = 16;

export interface Reading {
  readonly what: 'job' | 'jobs';
  readonly requests: number;
  readonly warmUp: number;
  /** How many finished jobs there are. */
  readonly stored: number;
}

export async function measureJob(bench: Bench): Promise<void> {
  const size = bench.options.quick ? { requests: 1500, warmUp: 2500 } : { requests: 20_000, warmUp: 6000 };
  await compare(bench, { what: 'job', stored: 1000, ...size });
}

export async function measureJobs(bench: Bench): Promise<void> {
  const size = bench.options.quick ? { requests: 100, warmUp: 200 } : { requests: 2000, warmUp: 1000 };
  await compare(bench, { what: 'jobs', stored: 1000, ...size });
}

async function compare(bench: Bench, reading: Reading): Promise<void> {
  const options = { stored: reading.stored, open: 0 };
  await withContenders(bench, bench.contenders, options, (started) => checkSame(started, reading));
  const turns = bench.options.quick ? 2 : 10;
  const each = reading.requests / turns;
  await inNewProcesses(bench, {
    what: reading.what,
    options,
    warmUp: (one) => warmUpReading(one, reading),
    turns,
    measure: (one) => warmCpu(one, each, () => read(one, reading, each)),
  });
}

/** CPU time of one query, in microseconds, once the contender is warm. */
export function readingCpu(one: Started, reading: Reading): Promise<number> {
  return cpuEach(one, reading.requests, () => read(one, reading, reading.requests));
}

export async function warmUpReading(one: Started, reading: Reading): Promise<void> {
  await read(one, reading, reading.warmUp);
}

function read({ program }: Started, reading: Reading, count: number): Promise<unknown> {
  return load(program.port, exchanges(reading, count), AT_ONCE);
}

/** Jobs spread over the whole store. */
function exchanges({ what, stored }: Reading, count: number): readonly Exchange[] {
  const page = graphql(JOBS, { first: PAGE_SIZE });
  return Array.from({ length: count }, (_, i) => ({
    request: what === 'jobs' ? page : graphql(JOB, { id: jobId((i * 7919) % stored) }),
  }));
}

/** A server that compiles documents does so within the first runs. */
const CHECKED_RUNS = 5;

/** @throws Error if two contenders answer differently, or one answers differently from its previous run */
async function checkSame(started: readonly Started[], { what, stored }: Reading): Promise<void> {
  const requests =
    what === 'jobs'
      ? [graphql(JOBS, { first: PAGE_SIZE })]
      : [0, 1, stored - 1].map((n) => graphql(JOB, { id: jobId(n) }));
  for (const request of requests) await checkAnswer(started, request);
  // The floor has no GraphQL and answers only the measured queries. Some older trees answer this one wrongly.
  const servers = started.filter(({ contender }) => contender !== FLOOR && contender !== OTHER_TREE);
  await checkAnswer(servers, graphql(DIRECTIVES, { id: jobId(0), no: false }));
}

async function checkAnswer(started: readonly Started[], request: Buffer): Promise<void> {
  let expected: unknown;
  for (const { contender, program } of started) {
    const answered = (body: string) => {
      const answer = comparable(body);
      expected ??= answer;
      if (isDeepStrictEqual(answer, expected)) return;
      throw new Error(
        `${contender.name} answers ${JSON.stringify(answer)}\nand not ${JSON.stringify(expected)}`,
      );
    };
    await load(program.port, Array(CHECKED_RUNS).fill({ request, answered }), 1);
  }
}

/** Cursors differ between servers. */
function comparable(body: string): unknown {
  return JSON.parse(body, (key, value: unknown) => (key === 'endCursor' ? typeof value : value));
}
