/** The account: jobs, bills, credit, and the limit on unfinished jobs. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Trigger } from './faults.js';
import { type Bill, isFinished, type SandboxJob } from './job.js';
import type { Journal, JournalEntry } from './journal.js';
import { Refusal } from './refusal.js';
import type { SwapOrder } from './swap-request.js';

/** Beyond this many, the oldest finished jobs and bills are dropped. */
const MAX_KEPT = 100_000;

/** The planned course of a job. */
interface Fate {
  readonly queueMs: number;
  readonly processMs: number;
  readonly stalls: boolean;
  readonly outcome: 3 | 4;
  readonly reason: string;
  readonly oddAddress: string | null;
  readonly triggers: readonly Trigger[];
}

export class Ledger {
  readonly #startCredit: number;
  readonly #maxConcurrency: number;
  readonly #journal: Journal | undefined;
  readonly #jobs = new Map<string, SandboxJob>();
  readonly #unfinished = new Set<SandboxJob>();
  /** Jobs that have not ended or still owe callbacks. */
  readonly #open = new Set<SandboxJob>();
  #waiting: (() => void)[] = [];
  #bills: Bill[] = [];
  #credit: number;
  #peak = 0;

  constructor(options: { credit: number; maxConcurrency: number; journal?: Journal | undefined }) {
    this.#startCredit = options.credit;
    this.#credit = options.credit;
    this.#maxConcurrency = options.maxConcurrency;
    this.#journal = options.journal;
  }

  get jobs(): readonly SandboxJob[] {
    return [...this.#jobs.values()];
  }

  get bills(): readonly Bill[] {
    return this.#bills;
  }

  get credit(): number {
    return this.#credit;
  }

  set credit(credit: number) {
    this.#credit = credit;
    this.#journal?.append({ credit });
  }

  /** Accepted jobs that have not ended, stalled ones included. */
  get concurrency(): number {
    return this.#unfinished.size;
  }

  get peakConcurrency(): number {
    return this.#peak;
  }

  job(id: string): SandboxJob | undefined {
    return this.#jobs.get(id);
  }

  /** Returns false if the job was deleted or reset meanwhile, so code that waited must not continue with it. */
  holds(job: SandboxJob): boolean {
    return this.#jobs.get(job.id) === job;
  }

  /** Accepts and bills. @throws Refusal 1005 over the limit, 1006 without credit */
  accept(order: SwapOrder, cost: number, fate: Fate): SandboxJob {
    if (this.#unfinished.size >= this.#maxConcurrency) throw new Refusal(1005);
    if (cost > this.#credit) throw new Refusal(1006);
    const now = Date.now();
    const job: SandboxJob = {
      id: newId(now),
      jobId: `${new Date(now).toISOString().replace(/\D/g, '')}-${randomInt(1000, 10_000)}`,
      kind: order.kind,
      media: order.media,
      sourceUrl: order.sourceUrl,
      targetUrl: order.targetUrl,
      webhookUrl: order.webhookUrl,
      acceptedAt: now,
      startsAt: now + fate.queueMs,
      endsAt: fate.stalls ? null : now + fate.queueMs + fate.processMs,
      outcome: fate.outcome,
      reason: fate.reason,
      oddAddress: fate.oddAddress,
      triggers: fate.triggers,
      status: 1,
      updatedAt: now,
      owed: [],
    };
    const bill: Bill = {
      at: now,
      providerId: job.id,
      kind: job.kind,
      request: order.request,
      cost,
    };
    this.#credit -= cost;
    this.#add(job);
    this.#bills.push(bill);
    this.#forgetOld();
    this.#journal?.append({ job }, { bill }, { credit: this.#credit });
    return job;
  }

  /** Must be called after each change to a job. */
  save(job: SandboxJob): void {
    if (!this.holds(job)) return;
    this.#journal?.append({ job });
    this.#sort(job);
  }

  /** Deletes finished jobs. @throws Refusal 1010 if one is unfinished, 1008 if none of them exists */
  delete(ids: readonly string[]): void {
    const known = ids.flatMap((id) => this.#jobs.get(id) ?? []);
    if (known.length === 0) throw new Refusal(1008);
    if (!known.every(isFinished)) throw new Refusal(1010);
    for (const job of known) this.#remove(job);
    this.#journal?.append({ deleted: known.map(({ id }) => id) });
  }

  /** Resolves when every job that can end has ended and no callback is owed. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.size === 0) resolve();
      else this.#waiting.push(resolve);
    });
  }

  reset(): void {
    for (const job of this.jobs) this.#remove(job);
    this.#bills = [];
    this.#credit = this.#startCredit;
    this.#peak = 0;
    this.#journal?.clear();
  }

  /** Restores the entries of a journal. */
  restore(entries: readonly JournalEntry[]): void {
    for (const entry of entries) {
      if ('job' in entry) this.#jobs.set(entry.job.id, entry.job);
      else if ('bill' in entry) this.#bills.push(entry.bill);
      else if ('credit' in entry) this.#credit = entry.credit;
      else if ('deleted' in entry) for (const id of entry.deleted) this.#jobs.delete(id);
    }
    for (const job of this.#jobs.values()) this.#add(job);
    this.#forgetOld();
  }

  /** Returns everything that a journal must contain. */
  entries(): JournalEntry[] {
    const jobs = this.jobs.map((job) => ({ job }));
    return [{ credit: this.#credit }, ...jobs, ...this.#bills.map((bill) => ({ bill }))];
  }

  #add(job: SandboxJob): void {
    this.#jobs.set(job.id, job);
    this.#sort(job);
    this.#peak = Math.max(this.#peak, this.#unfinished.size);
  }

  #remove(job: SandboxJob): void {
    this.#jobs.delete(job.id);
    this.#unfinished.delete(job);
    this.#open.delete(job);
    this.#wake();
  }

  #sort(job: SandboxJob): void {
    if (isFinished(job)) this.#unfinished.delete(job);
    else this.#unfinished.add(job);
    if ((!isFinished(job) && job.endsAt !== null) || job.owed.length > 0) this.#open.add(job);
    else this.#open.delete(job);
    this.#wake();
  }

  #wake(): void {
    if (this.#open.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #forgetOld(): void {
    if (this.#bills.length > MAX_KEPT) this.#bills.splice(0, this.#bills.length - MAX_KEPT);
    if (this.#jobs.size <= MAX_KEPT) return;
    for (const job of this.#jobs.values()) {
      if (this.#jobs.size <= MAX_KEPT) break;
      if (isFinished(job)) this.#remove(job);
    }
  }
}

/** In Akool's form: 24 hex digits that begin with the creation time in seconds. */
function newId(now: number): string {
  return (
    Math.floor(now / 1000)
      .toString(16)
      .padStart(8, '0') + randomBytes(8).toString('hex')
  );
}
