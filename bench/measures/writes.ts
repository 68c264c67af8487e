/**
 * Writing: submits, and the callbacks about those jobs. The gateway writes each to disk before it answers; so
 * does the floor, with one commit per write; the other contenders keep theirs in memory.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, cpuEach, inNewProcesses, profiled, warmCpu, withContenders } from '../bench.js';
import { FLOOR, GATEWAY, type Started } from '../contender.js';
import { FloorTable } from '../contenders/floor-table.js';
import { graphql, load } from '../http-load.js';
import { type ReportedStatus, webhook } from '../keys.js';
import { SUBMIT, submitInput } from '../operations.js';
import { interleaved } from '../rounds.js';
import { openJob } from '../sample-jobs.js';

const SUBMITS_AT_ONCE = 16;
const WEBHOOKS_AT_ONCE = 64;
/** How much longer than here a commit takes on a fast network disk, in milliseconds. */
export const SLOW_COMMIT_MS = 2;
/** PROCESSING, then COMPLETED. */
const REPORTS: readonly ReportedStatus[] = [2, 3];

/** What the bench must know about a job to send callbacks for it. */
interface Submitted {
  readonly providerId: string;
  readonly callbackToken: string;
}

interface SubmitAnswer {
  readonly data?: {
    readonly submitFaceSwap: {
      readonly job: { readonly status: string; readonly providerId: string | null };
      readonly deduplicated: boolean;
    };
  };
}

export async function measureSubmit(bench: Bench): Promise<void> {
  const { quick } = bench.options;
  const [turns, each, warmUp] = quick ? [2, 100, 400] : [12, 250, 3000];
  await inNewProcesses(bench, {
    what: 'submit',
    options: { stored: 1000, open: 0, durable: true },
    warmUp: async (one) => report(one, await submit(one, warmUp), [3]),
    turns,
    measure: (one) => warmCpu(one, each, () => submit(one, each)),
  });
}

export async function measureWebhook(bench: Bench): Promise<void> {
  const { quick } = bench.options;
  const jobs = quick ? 200 : 500;
  await withContenders(bench, bench.contenders, { stored: 1000, open: 0, durable: true }, async (started) => {
    for (const one of started) await webhookCost(one, jobs * 2);
    await interleaved(quick ? 3 : 5, started, async (one) => {
      const { cpu, perSecond } = await webhookCost(one, jobs);
      bench.results.add('webhook', 'µs', one.contender.name, cpu);
      bench.results.add('webhook.rate', '1/s', one.contender.name, perSecond);
      if (one.contender === FLOOR) {
        bench.results.add('webhook.rate', '1/s', 'driver', commitsPerSecond(bench, jobs));
      }
    });
    for (const one of started) {
      if (one.contender !== GATEWAY) continue;
      const open = await submit(one, jobs);
      await profiled(bench, one, 'webhook', () => report(one, open, REPORTS));
    }
  });
  await measureWebhookOnSlowDisk(bench, jobs);
}

/** With slow commits, compared with one commit per write over the same HTTP. */
async function measureWebhookOnSlowDisk(bench: Bench, jobs: number): Promise<void> {
  if (bench.place.slowDisk === null) {
    bench.say('webhook: slower commits are not measured, for want of Linux and a C compiler');
    return;
  }
  const options = { stored: 1000, open: 0, durable: true, commitMs: SLOW_COMMIT_MS };
  await withContenders(bench, [GATEWAY, FLOOR], options, async (started) => {
    for (const one of started) await webhookCost(one, jobs);
    await interleaved(bench.options.quick ? 3 : 5, started, async (one) => {
      const { perSecond } = await webhookCost(one, jobs);
      bench.results.add('webhook.rate.slow', '1/s', one.contender.name, perSecond);
    });
  });
}

/** CPU time of one submit, in microseconds. Ends all its jobs. */
export async function submitCpu(one: Started, count: number): Promise<number> {
  let submitted: readonly Submitted[] = [];
  const cpu = await cpuEach(one, count, async () => {
    submitted = await submit(one, count);
  });
  await report(one, submitted, [3]);
  return cpu;
}

/** CPU time of one callback, in microseconds, and callbacks per second when 64 are sent at once. */
export async function webhookCost(
  one: Started,
  jobs: number,
): Promise<{ readonly cpu: number; readonly perSecond: number }> {
  const submitted = await submit(one, jobs);
  const webhooks = jobs * REPORTS.length;
  let seconds = 0;
  const cpu = await cpuEach(one, webhooks, async () => {
    seconds = await report(one, submitted, REPORTS);
  });
  return { cpu, perSecond: webhooks / seconds };
}

/** @throws Error if a response contains no job that Akool has accepted */
async function submit({ program, contender }: Started, count: number): Promise<readonly Submitted[]> {
  const submitted: Submitted[] = [];
  const answered = (body: string): void => {
    const { data } = JSON.parse(body) as SubmitAnswer;
    const { job, deduplicated } = data?.submitFaceSwap ?? {};
    if (job?.status !== 'QUEUED' || job.providerId === null || deduplicated !== false) {
      throw new Error(`${contender.name} answers a submit with ${body}`);
    }
    // See `stub-akool.ts`.
    submitted.push({ providerId: job.providerId, callbackToken: job.providerId });
  };
  const exchanges = Array.from({ length: count }, (_, n) => ({
    request: graphql(SUBMIT, { input: submitInput(n) }),
    answered,
  }));
  await load(program.port, exchanges, SUBMITS_AT_ONCE);
  return submitted;
}

/** Sends each status for all jobs before the next; returns the seconds this took. */
async function report(
  { program }: Started,
  jobs: readonly Submitted[],
  statuses: readonly ReportedStatus[],
): Promise<number> {
  let seconds = 0;
  for (const status of statuses) {
    const exchanges = jobs.map((job) => ({ request: webhook(job, status) }));
    seconds += (await load(program.port, exchanges, WEBHOOKS_AT_ONCE)).seconds;
  }
  return seconds;
}

/** Commits per second of the bare driver in this process: an update and its history entry per commit. */
function commitsPerSecond({ place }: Bench, count: number): number {
  const folder = mkdtempSync(join(place.folder, 'driver-'));
  const table = new FloorTable(join(folder, 'driver.db'));
  const jobs = Array.from({ length: count }, (_, nth) => openJob(nth));
  for (const job of jobs) table.insert(job);
  const startedAt = performance.now();
  for (const { callbackToken, providerId } of jobs) {
    table.update(callbackToken, { providerId, status: 2, url: null, reason: null, timestamp: 0 });
  }
  const seconds = (performance.now() - startedAt) / 1000;
  table.close();
  rmSync(folder, { recursive: true, force: true });
  return count / seconds;
}
