/** Whether costs grow with the number of open sockets and of stored jobs. */
import { join } from 'node:path';
import { type Bench, withContenders } from '../bench.js';
import { type Contender, FLOOR, GATEWAY, type Started } from '../contender.js';
import { interleaved } from '../rounds.js';
import { readingCpu, warmUpReading } from './queries.js';
import { open, weigh } from './sockets.js';
import { startOnce } from './start.js';
import { jobsNeeded, type UpdateSize, Updates } from './update.js';
import { submitCpu, webhookCost } from './writes.js';

export const SOCKETS = [100, 1000, 10_000] as const;
export const STORED = [1000, 100_000, 1_000_000] as const;

export function atSockets(count: number): string {
  return ` @ ${count} sockets`;
}

export function atStored(count: number): string {
  return ` @ ${count} jobs`;
}

export async function measureGrowth(bench: Bench): Promise<void> {
  const { quick } = bench.options;
  const sockets = quick ? SOCKETS.slice(0, 2) : SOCKETS;
  const stored = quick ? STORED.slice(0, 2) : STORED;
  for (const contender of [GATEWAY, FLOOR]) {
    for (const count of sockets) {
      const startedAt = performance.now();
      await weigh(bench, contender, { sockets: count, warmUp: quick ? 500 : 1000, at: atSockets(count) });
      await withSockets(bench, contender, count);
      bench.say(`  ${count} sockets of ${contender.name}: ${seconds(startedAt)} s`);
    }
  }
  const startedAt = performance.now();
  await withStored(bench, stored);
  bench.say(`  up to ${stored.at(-1)} stored jobs: ${seconds(startedAt)} s`);
}

/** Repeats the measures with this many sockets held; each follows its own job, except those of `Updates`. */
async function withSockets(bench: Bench, contender: Contender, sockets: number): Promise<void> {
  const { quick } = bench.options;
  const [rounds, batches] = quick ? [2, 3] : [5, 8];
  const size: UpdateSize = { followers: 80, batches: rounds * batches };
  const jobs = sockets + jobsNeeded(size);
  await withContenders(bench, [contender], { stored: 1000, open: jobs }, async ([one]) => {
    if (one === undefined) return;
    // The sockets that receive updates are among them.
    const held = await open(one, sockets - size.followers);
    const updates = await Updates.begin(one, size, sockets);
    await updates.warmUp();
    for (let round = 0; round < rounds; round += 1) {
      const cpu = await updates.cpu(batches);
      bench.results.add(`update${atSockets(sockets)}`, 'µs', contender.name, cpu);
    }
    if (contender === GATEWAY) await measureAll(bench, [{ one, stored: 1000, at: atSockets(sockets) }]);
    for (const follower of held) follower.drop();
    updates.end();
  });
}

async function withStored(bench: Bench, sizes: readonly number[]): Promise<void> {
  const all: { one: Started; stored: number; at: string }[] = [];
  const startNext = async (rest: readonly number[]): Promise<void> => {
    const [stored, ...others] = rest;
    if (stored === undefined) return measureAll(bench, all);
    const at = atStored(stored);
    const database = join(bench.place.folder, `${stored}.db`);
    await bench.place.gateway.seeds.copy({ stored, open: 0 }, database);
    const options = { stored, open: 0, database };
    for (let i = 0; i < 3; i += 1) await startOnce(bench, GATEWAY, options, { restMs: 500, at });
    await withContenders(bench, [GATEWAY], options, async ([one]) => {
      if (one !== undefined) all.push({ one, stored, at });
      await startNext(others);
    });
  };
  await startNext(sizes);
}

/** Interleaved, so that all run under the same conditions. */
async function measureAll(
  { options, results }: Bench,
  all: readonly { readonly one: Started; readonly stored: number; readonly at: string }[],
): Promise<void> {
  const { quick } = options;
  const job = { what: 'job', requests: quick ? 1000 : 3000, warmUp: quick ? 2000 : 4000 } as const;
  const jobs = { what: 'jobs', requests: quick ? 50 : 200, warmUp: 200 } as const;
  const writes = quick ? 100 : 300;
  for (const { one, stored } of all) {
    await warmUpReading(one, { ...job, stored });
    await warmUpReading(one, { ...jobs, stored });
    await webhookCost(one, writes);
  }
  await interleaved(quick ? 2 : 3, all, async ({ one, stored, at }) => {
    const { name } = one.contender;
    results.add(`job${at}`, 'µs', name, await readingCpu(one, { ...job, stored }));
    results.add(`jobs${at}`, 'µs', name, await readingCpu(one, { ...jobs, stored }));
    results.add(`submit${at}`, 'µs', name, await submitCpu(one, writes));
    const { cpu, perSecond } = await webhookCost(one, writes);
    results.add(`webhook${at}`, 'µs', name, cpu);
    results.add(`webhook.rate${at}`, '1/s', name, perSecond);
  });
}

function seconds(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(1);
}
