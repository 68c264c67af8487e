/**
 * One update to one socket: what webhooks about jobs that somebody follows cost more than webhooks about jobs
 * that nobody does; and how long it takes from the webhook to the socket.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, cpuEach, profiled, withContenders } from '../bench.js';
import { CONTENDERS, GATEWAY, type Started } from '../contender.js';
import { Follower } from '../follower.js';
import { Connection, type Exchange, graphql, load } from '../http-load.js';
import { type ReportedStatus, webhook } from '../keys.js';
import { JOB } from '../operations.js';
import { figureOf, interleaved, quantile } from '../rounds.js';
import { openJob, type SampleJob } from '../sample-jobs.js';

const AT_ONCE = 16;
/** QUEUED, then PROCESSING: the two after which a follower goes on following. */
const REPORTS: readonly ReportedStatus[] = [1, 2];
/** Until a server has surely subscribed whom it does not tell so. */
const SETTLE_MS = 150;

export interface UpdateSize {
  /** Followers that are told something in one batch. */
  readonly followers: number;
  readonly batches: number;
  readonly latencies: number;
  readonly rounds: number;
}

export async function measureUpdate(bench: Bench): Promise<void> {
  const size = bench.options.quick
    ? { followers: 100, batches: 3, latencies: 50, rounds: 3 }
    : { followers: 200, batches: 5, latencies: 100, rounds: 5 };
  const open = jobsNeeded(size);
  await withContenders(bench, CONTENDERS, { stored: 1000, open }, async (started) => {
    const all = [];
    for (const one of started) {
      const updates = await Updates.begin(one, size, 0);
      await updates.cpu(size.batches);
      all.push({ one, updates });
    }
    await interleaved(size.rounds, all, async ({ one, updates }) => {
      const { name } = one.contender;
      bench.results.add('update', 'µs', name, await updates.cpu(size.batches));
      const latencies = (await updates.latencies(size.latencies)).sort((a, b) => a - b);
      bench.results.add('update.p50', 'ms', name, quantile(latencies, 0.5));
      bench.results.add('update.p99', 'ms', name, quantile(latencies, 0.99));
    });
    for (const { one, updates } of all) {
      if (one.contender === GATEWAY) await profiled(bench, one, 'update', () => updates.cpu(size.batches));
      updates.end();
    }
  });
}

/** Open jobs that a run of this size uses up. */
export function jobsNeeded({ followers, batches, latencies, rounds }: UpdateSize): number {
  const inBatches = (rounds + 3) * batches * followers * 2;
  return inBatches + rounds * Math.ceil(latencies / followers) * followers + followers;
}

export class Updates {
  readonly #one: Started;
  readonly #followers: readonly Follower[];
  /** Of the next job that nobody has heard of. */
  #next: number;

  /** @param firstJob the open jobs from here on are used up */
  static async begin(one: Started, { followers }: UpdateSize, firstJob: number): Promise<Updates> {
    const { protocol } = one.contender;
    const opened: Follower[] = [];
    for (let i = 0; i < followers; i += 1) {
      opened.push(await Follower.open({ port: one.program.port, protocol }));
    }
    return new Updates(one, opened, firstJob);
  }

  private constructor(one: Started, followers: readonly Follower[], firstJob: number) {
    this.#one = one;
    this.#followers = followers;
    this.#next = firstJob;
  }

  /** CPU time of one update, in microseconds. */
  async cpu(batches: number): Promise<number> {
    const webhooks = this.#followers.length * REPORTS.length;
    const differences: number[] = [];
    for (let batch = 0; batch < batches; batch += 1) {
      const jobs = await this.#follow();
      const others = this.#take();
      // Followers have been given theirs: whoever keeps in memory what was asked for last has these there too.
      await load(
        this.#one.program.port,
        others.map(({ id }) => ({ request: graphql(JOB, { id }) })),
        AT_ONCE,
      );
      // By turns first and second, so that neither has the better place.
      const order = batch % 2 === 0 ? [jobs, others] : [others, jobs];
      let difference = 0;
      for (const half of order) {
        const cpu = await cpuEach(this.#one, webhooks, () => this.#report(half, half === jobs));
        difference += half === jobs ? cpu : -cpu;
      }
      differences.push(difference);
    }
    return figureOf(differences).median;
  }

  /** From the first byte of a webhook to the socket, in milliseconds, one at a time. */
  async latencies(count: number): Promise<number[]> {
    const taken: number[] = [];
    const connection = await Connection.open(this.#one.program.port);
    while (taken.length < count) {
      const jobs = await this.#follow();
      for (const [i, job] of jobs.entries()) {
        const follower = this.#followers[i];
        if (follower === undefined || taken.length === count) break;
        const request = webhook(job, 1);
        const arrives = follower.reached(follower.updates + 1);
        const sentAt = performance.now();
        const answered = connection.exchange(request);
        await arrives;
        taken.push(performance.now() - sentAt);
        await answered;
      }
    }
    connection.close();
    return taken;
  }

  end(): void {
    for (const follower of this.#followers) follower.drop();
  }

  /** Each follower follows another job. */
  async #follow(): Promise<readonly SampleJob[]> {
    const jobs = this.#take();
    const { tellsPresentState } = this.#one.contender;
    const before = this.#followers.map(({ updates }) => updates);
    for (const [i, follower] of this.#followers.entries()) follower.follow(jobs[i]?.id ?? '');
    if (tellsPresentState) {
      await Promise.all(this.#followers.map((follower, i) => follower.reached((before[i] ?? 0) + 1)));
    } else {
      await sleep(SETTLE_MS);
    }
    return jobs;
  }

  #take(): readonly SampleJob[] {
    const first = this.#next;
    this.#next += this.#followers.length;
    return this.#followers.map((_, i) => openJob(first + i));
  }

  async #report(jobs: readonly SampleJob[], areFollowed: boolean): Promise<void> {
    const before = this.#followers.map(({ updates }) => updates);
    for (const status of REPORTS) {
      const exchanges: Exchange[] = jobs.map((job) => ({ request: webhook(job, status) }));
      await load(this.#one.program.port, exchanges, AT_ONCE);
    }
    if (!areFollowed) return;
    await Promise.all(
      this.#followers.map((follower, i) => follower.reached((before[i] ?? 0) + REPORTS.length)),
    );
  }
}
