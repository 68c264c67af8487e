/** Checks the invariants after each step of a fleet, as seen through every gateway's store. */
import { expect } from 'vitest';
import { isFinal, type Job, type JobUpdate } from '../../../src/services/jobs/job.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import { HOUR, historyOf } from '../../support/samples.js';
import type { Fleet } from './fleet.js';

export const TENANTS = ['ann', 'bob'] as const;

const DAY_MS = 24 * HOUR;

interface Seen {
  readonly job: Job;
  readonly history: readonly JobUpdate[];
}

export class Witness {
  /** The last state seen of each job, including deleted ones. */
  readonly #seen = new Map<string, Seen>();
  readonly #isDeleted = new Set<string>();
  /** The first request and its job, by tenant and key. */
  readonly #keys = new Map<string, { readonly job: Job; readonly request: unknown }>();
  /** The number of the last change seen, by tenant. */
  readonly #changes = new Map<string, number>();

  /** Jobs that are not deleted, oldest first. */
  get jobs(): readonly Job[] {
    const jobs = [...this.#seen.values()].map(({ job }) => job);
    return jobs.filter(({ id }) => !this.#isDeleted.has(id)).sort((a, b) => a.sequence - b.sequence);
  }

  /** The last state seen of a job. */
  job(id: string): Job | undefined {
    return this.#seen.get(id)?.job;
  }

  isDeleted(id: string): boolean {
    return this.#isDeleted.has(id);
  }

  created(job: Job): void {
    if (!this.#seen.has(job.id)) this.#seen.set(job.id, { job: { ...job, version: 0 }, history: [] });
  }

  /**
   * The same key always returns the same job, whichever gateway is used; after the job is erased, it is kept
   * for a day.
   *
   * @param outcome the job, or the code of the error
   */
  keyUsed(key: string, request: unknown, outcome: { readonly job: Job } | string): void {
    const known = this.#keys.get(key);
    const made = typeof outcome === 'string' ? null : outcome.job;
    const isForgotten =
      known !== undefined &&
      this.#isDeleted.has(known.job.id) &&
      made !== null &&
      made.createdAt >= known.job.createdAt + DAY_MS;
    if (known === undefined || isForgotten) {
      if (made === null) throw new Error(`a new key was refused: ${outcome}`);
      this.#keys.set(key, { job: made, request });
    } else if (known.request !== request) {
      expect(outcome).toBe('IDEMPOTENCY_CONFLICT');
    } else {
      expect(made?.id ?? outcome).toBe(this.#isDeleted.has(known.job.id) ? 'CONFLICT' : known.job.id);
    }
  }

  deleted(id: string): void {
    this.#isDeleted.add(id);
  }

  async look(fleet: Fleet): Promise<void> {
    const changed = new Set<string>();
    await Promise.all(
      [...this.#seen].map(async ([id, before]) => {
        const now = await this.#see(fleet, id, before);
        if (now === null || now.job.version > before.job.version) changed.add(id);
        if (now === null) expect(this.#isDeleted, 'what is not deleted is there').toContain(id);
        else this.#seen.set(id, now);
      }),
    );
    expect(fleet.sentAgain, 'what may have been billed is not sent again').toEqual([]);
    for (const { id, status } of this.jobs) {
      if (status === 'CANCELED') expect(fleet.maybeBilled, 'what is canceled was not sent').not.toContain(id);
    }
    for (const store of new Set(fleet.stores)) {
      await this.#expectLists(store);
      await this.#expectPositions(store);
    }
    for (const tenant of TENANTS) await this.#expectFeed(fleet, tenant, changed);
  }

  /** Returns null if it was erased. */
  async #see({ stores }: Fleet, id: string, before: Seen): Promise<Seen | null> {
    const [job, ...others] = await Promise.all([...new Set(stores)].map((store) => store.get(id)));
    for (const other of others) expect(other, 'all gateways see the same').toEqual(job);
    if (job === null || job === undefined) return null;
    if (job.version === before.job.version) {
      expect(job.status, 'what changes gets a version').toBe(before.job.status);
      return { job, history: before.history };
    }
    const history = await historyOf(stores.at(-1) as JobStore, id);
    const versions = history.map(({ version }) => version);
    expect(versions, 'versions rise by one').toEqual(versions.map((_, i) => i + 1));
    expect(history.at(-1)).toMatchObject({ version: job.version, status: job.status });
    expect(history.slice(0, before.history.length), 'what happened stays so').toEqual(before.history);
    history.forEach(({ status, note }, i) => {
      const last = history[i - 1]?.status;
      if (last === undefined || status === last || !isFinal(last)) return;
      const isHealed =
        last === 'FAILED' && status === 'COMPLETED' && note?.startsWith('its result came after ');
      expect(isHealed, `an end is an end, and ${last} did not become ${status}`).toBe(true);
    });
    return { job, history };
  }

  async #expectLists(store: JobStore): Promise<void> {
    for (const tenant of TENANTS) {
      const { jobs } = await store.list(tenant, {}, { limit: 1000, direction: 'forward' });
      const wanted = this.jobs.filter((job) => job.tenant === tenant).reverse();
      expect(
        jobs.map(({ id }) => id),
        'lists have all that is not deleted',
      ).toEqual(wanted.map(({ id }) => id));
    }
  }

  async #expectPositions(store: JobStore): Promise<void> {
    const waiting = this.jobs.filter(({ status }) => status === 'WAITING').map(({ id }) => id);
    const positions = await store.queuePositions([...this.#seen.keys()]);
    expect([...positions.keys()].sort(), 'who waits has a position').toEqual(waiting.toSorted());
    const sorted = [...positions.values()].sort((a, b) => a - b);
    expect(sorted, 'each position is had once').toEqual(waiting.map((_, i) => i + 1));
  }

  async #expectFeed({ stores }: Fleet, tenant: string, changed: ReadonlySet<string>): Promise<void> {
    const after = this.#changes.get(tenant) ?? 0;
    const { changed: feed } = await (stores.at(-1) as JobStore).readChanges(tenant, after, 1000);
    const numbers = feed.map(({ place }) => place.number);
    expect(numbers, 'changes come in order').toEqual([...new Set(numbers)].sort((a, b) => a - b));
    for (const { id, job } of feed) {
      expect(job?.version, 'a change shows the newest version').toBe(
        this.isDeleted(id) ? undefined : this.job(id)?.version,
      );
    }
    const wanted = [...changed].filter((id) => this.job(id)?.tenant === tenant && !this.isDeleted(id));
    const told = feed.map(({ id }) => id).filter((id) => !this.isDeleted(id));
    expect(told.sort(), 'all that changed is in the feed, and nothing else').toEqual(wanted.sort());
    this.#changes.set(tenant, numbers.at(-1) ?? after);
  }
}
