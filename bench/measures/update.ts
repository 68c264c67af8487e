/**
 * One update to one socket: how much more callbacks cost if the job is followed, and the latency from
 * callback to socket. For the cost, several sockets follow each job: a single update would be lost in the
 * noise of a callback.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, inNewProcesses, warmCpu } from '../bench.js';
import type { Started } from '../contender.js';
import { Follower } from '../follower.js';
import { Connection, type Exchange, graphql, load } from '../http-load.js';
import { type ReportedStatus, webhook } from '../keys.js';
import { JOB } from '../operations.js';
import { quantile } from '../rounds.js';
import { openJob, type SampleJob } from '../sample-jobs.js';

const AT_ONCE = 16;
/** QUEUED, then PROCESSING: neither ends the subscription. */
const REPORTS: readonly ReportedStatus[] = [1, 2];
/** Time to let servers subscribe that do not confirm it. */
const SETTLE_MS = 150;

const FOLLOWERS_A_JOB = 8;
/**
 * Batches before the first that counts: only then is all of this code compiled, and is old garbage collected as often
 * in one server as in another.
 */
const WARM_UP_BATCHES = 40;

export interface UpdateSize {
  /** Sockets that receive updates in one batch; a multiple of the number that follow one job. */
  readonly followers: number;
  /** How many batches count. */
  readonly batches: number;
}

export async function measureUpdate(bench: Bench): Promise<void> {
  const size = bench.options.quick ? { followers: 80, batches: 10 } : { followers: 200, batches: 60 };
  const latencies = bench.options.quick ? 50 : 100;
  // A profile takes as many batches again.
  const open = jobsNeeded({ ...size, batches: 2 * size.batches });
  await inNewProcesses(bench, {
    what: 'update',
    options: { stored: 1000, open: open + latencies },
    warmUp: async (one) => {
      const updates = await Updates.begin(one, size, 0);
      await updates.warmUp();
      return updates;
    },
    turns: size.batches,
    measure: (_one, updates) => updates.batchCpu(),
    afterwards: async (one, updates) => {
      const { name } = one.contender;
      const alone = await Updates.begin(one, { followers: latencies, aJob: 1 }, open);
      const taken = (await alone.latencies()).sort((a, b) => a - b);
      bench.results.add('update.p50', 'ms', name, quantile(taken, 0.5));
      bench.results.add('update.p99', 'ms', name, quantile(taken, 0.99));
      updates.end();
      alone.end();
    },
  });
}

/** Number of open jobs that a run of this size uses up. */
export function jobsNeeded({ followers, batches }: UpdateSize): number {
  return (WARM_UP_BATCHES + batches) * (followers / FOLLOWERS_A_JOB) * 2;
}

export class Updates {
  readonly #one: Started;
  readonly #followers: readonly Follower[];
  readonly #aJob: number;
  /** Index of the next job not yet reported on. */
  #next: number;
  /** Whether the last batch reported on the followed jobs first. */
  #followedFirst = false;

  /**
   * @param followers number of sockets; `aJob` of them follow the same job
   * @param firstJob index of the first open job to use up
   */
  static async begin(
    one: Started,
    { followers, aJob = FOLLOWERS_A_JOB }: { readonly followers: number; readonly aJob?: number },
    firstJob: number,
  ): Promise<Updates> {
    const { protocol } = one.contender;
    const opened: Follower[] = [];
    for (let i = 0; i < followers; i += 1) {
      opened.push(await Follower.open({ port: one.program.port, protocol }));
    }
    return new Updates(one, opened, aJob, firstJob);
  }

  private constructor(one: Started, followers: readonly Follower[], aJob: number, firstJob: number) {
    this.#one = one;
    this.#followers = followers;
    this.#aJob = aJob;
    this.#next = firstJob;
  }

  async warmUp(): Promise<void> {
    await this.cpu(WARM_UP_BATCHES);
  }

  /** CPU time of one update, in microseconds. */
  async cpu(batches: number): Promise<number> {
    let micros = 0;
    for (let batch = 0; batch < batches; batch += 1) micros += await this.batchCpu();
    return micros / batches;
  }

  /** CPU time of one update, in microseconds, from one batch: meaningful only as a mean of many. */
  async batchCpu(): Promise<number> {
    const updates = this.#followers.length * REPORTS.length;
    const jobs = await this.#follow();
    const others = this.#take();
    // Followed jobs have just been read, so a cache of recently read jobs must hold these too.
    await load(
      this.#one.program.port,
      others.map(({ id }) => ({ request: graphql(JOB, { id }) })),
      AT_ONCE,
    );
    // Alternate the order, so that neither half has an advantage.
    this.#followedFirst = !this.#followedFirst;
    let difference = 0;
    for (const half of this.#followedFirst ? [jobs, others] : [others, jobs]) {
      const cpu = await warmCpu(this.#one, updates, () => this.#report(half, half === jobs));
      difference += half === jobs ? cpu : -cpu;
    }
    return difference;
  }

  /** From the first byte of a callback to the job's first socket, in milliseconds, one job at a time. */
  async latencies(): Promise<number[]> {
    const taken: number[] = [];
    const connection = await Connection.open(this.#one.program.port);
    const jobs = await this.#follow();
    for (const [i, job] of jobs.entries()) {
      const follower = this.#followers[i * this.#aJob];
      if (follower === undefined) break;
      const request = webhook(job, 1);
      const arrives = follower.reached(follower.updates + 1);
      const sentAt = performance.now();
      const answered = connection.exchange(request);
      await arrives;
      taken.push(performance.now() - sentAt);
      await answered;
    }
    connection.close();
    return taken;
  }

  end(): void {
    for (const follower of this.#followers) follower.drop();
  }

  /** Each follower follows a new job. */
  async #follow(): Promise<readonly SampleJob[]> {
    const jobs = this.#take();
    const { tellsPresentState } = this.#one.contender;
    const before = this.#followers.map(({ updates }) => updates);
    for (const [i, follower] of this.#followers.entries())
      follower.follow(jobs[Math.floor(i / this.#aJob)]?.id ?? '');
    if (tellsPresentState) {
      await Promise.all(this.#followers.map((follower, i) => follower.reached((before[i] ?? 0) + 1)));
    } else {
      await sleep(SETTLE_MS);
    }
    return jobs;
  }

  #take(): readonly SampleJob[] {
    const first = this.#next;
    const jobs = this.#followers.length / this.#aJob;
    this.#next += jobs;
    return Array.from({ length: jobs }, (_, i) => openJob(first + i));
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
