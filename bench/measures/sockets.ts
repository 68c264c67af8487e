/** Held sockets, each following its own job: how much memory one takes, and what opening one costs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, withContenders } from '../bench.js';
import type { Contender, Started } from '../contender.js';
import { Follower } from '../follower.js';
import { interleaved } from '../rounds.js';
import { openJob } from '../sample-jobs.js';

const OPENING_AT_ONCE = 64;
const SETTLE_MS = 500;

export async function measureSockets(bench: Bench): Promise<void> {
  const { quick } = bench.options;
  await interleaved(quick ? 1 : 3, bench.contenders, async (contender) => {
    await weigh(bench, contender, { sockets: quick ? 1000 : 5000, warmUp: quick ? 500 : 2000, at: '' });
  });
}

export interface Weighing {
  readonly sockets: number;
  /** Sockets opened first: they only fill memory that the process has already reserved. */
  readonly warmUp: number;
  /** Suffix for the names of the figures. */
  readonly at: string;
}

export async function weigh(
  bench: Bench,
  contender: Contender,
  { sockets, warmUp, at }: Weighing,
): Promise<void> {
  const { results } = bench;
  await withContenders(bench, [contender], { stored: 1000, open: warmUp + sockets }, async ([one]) => {
    if (one === undefined) return;
    const first = await open(one, warmUp);
    const before = await settled(one);
    const startedAt = performance.now();
    const followers = await open(one, sockets, warmUp);
    const seconds = (performance.now() - startedAt) / 1000;
    const opened = await one.program.usage();
    const after = await settled(one);
    const { name } = contender;
    results.add(`socket${at}`, 'KB', name, (after.rss - before.rss) / 1024 / sockets);
    results.add(`socket.live${at}`, 'KB', name, (after.live - before.live) / 1024 / sockets);
    results.add(`socket.open${at}`, 'µs', name, (opened.cpuMicros - before.cpuMicros) / sockets);
    results.add(`socket.opened${at}`, '1/s', name, sockets / seconds);
    for (const follower of [...first, ...followers]) follower.drop();
  });
}

/** Opens this many sockets, each following its own open job, beginning with this one. */
export async function open(
  { contender, program }: Started,
  sockets: number,
  firstJob = 0,
): Promise<Follower[]> {
  const { protocol, tellsPresentState } = contender;
  const followers: Follower[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let nth = next++; nth < sockets; nth = next++) {
      const follower = await Follower.open({ port: program.port, protocol });
      follower.follow(openJob(firstJob + nth).id);
      if (tellsPresentState) await follower.reached(1);
      followers.push(follower);
    }
  };
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, work));
  return followers;
}

async function settled({ program }: Started) {
  await sleep(SETTLE_MS);
  // A first collection may release objects that kept others alive.
  await program.collected();
  return program.collected();
}
