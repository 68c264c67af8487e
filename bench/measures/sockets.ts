/** Held sockets, each following a job of its own: what one weighs, and what opening one costs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, withContenders } from '../bench.js';
import { CONTENDERS, type Contender, type Started } from '../contender.js';
import { Follower } from '../follower.js';
import { interleaved } from '../rounds.js';
import { openJob } from '../sample-jobs.js';

const OPENING_AT_ONCE = 64;
const WARM_UP = 300;
const SETTLE_MS = 500;

export async function measureSockets(bench: Bench): Promise<void> {
  const { quick } = bench.options;
  await interleaved(quick ? 1 : 3, CONTENDERS, async (contender) => {
    await weigh(bench, contender, quick ? 1000 : 2000, '');
  });
}

/** @param at appended to what the figures are called */
export async function weigh(bench: Bench, contender: Contender, sockets: number, at: string): Promise<void> {
  const { results } = bench;
  await withContenders(bench, [contender], { stored: 1000, open: sockets }, async ([one]) => {
    if (one === undefined) return;
    await close(await open(one, WARM_UP));
    const before = await settled(one);
    const startedAt = performance.now();
    const followers = await open(one, sockets);
    const seconds = (performance.now() - startedAt) / 1000;
    const opened = await one.program.usage();
    const after = await settled(one);
    const { name } = contender;
    results.add(`socket${at}`, 'KB', name, (after.rss - before.rss) / 1024 / sockets);
    results.add(`socket.live${at}`, 'KB', name, (after.live - before.live) / 1024 / sockets);
    results.add(`socket.open${at}`, 'µs', name, (opened.cpuMicros - before.cpuMicros) / sockets);
    results.add(`socket.opened${at}`, '1/s', name, sockets / seconds);
    for (const follower of followers) follower.drop();
  });
}

/** Opens so many, each following the open job of its number. */
export async function open({ contender, program }: Started, sockets: number): Promise<Follower[]> {
  const { protocol, tellsPresentState } = contender;
  const followers: Follower[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let nth = next++; nth < sockets; nth = next++) {
      const follower = await Follower.open({ port: program.port, protocol });
      follower.follow(openJob(nth).id);
      if (tellsPresentState) await follower.reached(1);
      followers.push(follower);
    }
  };
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, work));
  return followers;
}

async function close(followers: readonly Follower[]): Promise<void> {
  await Promise.all(followers.map((follower) => follower.close()));
}

async function settled({ program }: Started) {
  await sleep(SETTLE_MS);
  // What the first time lets go of may hold on to more.
  await program.collected();
  return program.collected();
}
