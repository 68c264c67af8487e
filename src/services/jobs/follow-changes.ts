/**
 * Follows a tenant's jobs without a gap: what changed since a place in the numbered changes, and then what changes.
 *
 * The store is read for every change, because only it knows their numbers, which are the places to continue from. A
 * signal of the bus only says that there is something to read, once for all followers of the tenant on this instance. So
 * a signal that is lost, repeated or reordered changes nothing, and an older state never follows a newer one.
 */
import type { InTurn } from '../limits/event-turns.js';
import { Feed } from './feed.js';
import type { Sources } from './follow.js';
import type { Job } from './job.js';
import type { Unfollow } from './job-bus.js';
import type { ChangedJob } from './job-store.js';
import { Reading } from './reading.js';

export const JOBS_NEWS_KINDS = ['CURRENT', 'CHANGED', 'MOVED', 'DELETED', 'RESYNC'] as const;

/** `cursor` is the number of a change up to which everything has been told. */
export type JobsNews =
  /** All that was missed has been told. */
  | { readonly kind: 'CURRENT'; readonly cursor: number }
  /** A new job, or a new version of one. */
  | { readonly kind: 'CHANGED'; readonly cursor: number; readonly job: Job }
  /** Only its position in the queue changed, which is not stored. */
  | { readonly kind: 'MOVED'; readonly cursor: number; readonly job: Job }
  | { readonly kind: 'DELETED'; readonly cursor: number; readonly id: string }
  /** Something was left out: the jobs have to be read again. */
  | { readonly kind: 'RESYNC'; readonly cursor: number };

/** Where a follower continues: a cursor, the present, or a place that is not known. */
export type Since = number | 'now' | 'unknown';

/** Changes that a follower is told at once, after an absence or because it reads slowly; beyond it, it must resync. */
const MAX_CHANGES = 1000;
/** Those, and that it is current. */
const MAX_FEED = MAX_CHANGES + 1;
/** Changes per read. */
const BATCH = 100;
/** What is read for all followers, beside the ids of jobs. */
const CHANGES = '';

export class ChangeFollowers {
  readonly #sources: Sources;
  readonly #byTenant = new Map<string, TenantChanges>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /**
   * Yields what changed since `since`, each job in its present state, then `CURRENT`, then every change. If that is too
   * much, or no longer known, it yields `RESYNC` instead of the first two. Ends only when the follower leaves.
   *
   * @throws GatewayError STORE_UNAVAILABLE
   */
  async follow(tenant: string, since: Since, inTurn?: InTurn): Promise<AsyncIterableIterator<JobsNews>> {
    const changes = this.#byTenant.get(tenant) ?? this.#open(tenant);
    const follower = changes.join(inTurn);
    try {
      await changes.begin(follower, since);
    } catch (error) {
      await follower.feed.return();
      throw error;
    }
    return follower.feed;
  }

  tenants(): readonly string[] {
    return [...this.#byTenant.keys()];
  }

  tellMoved(tenant: string, ids: readonly string[]): void {
    this.#byTenant.get(tenant)?.tellMoved(ids);
  }

  #open(tenant: string): TenantChanges {
    const changes = new TenantChanges(this.#sources, tenant, () => this.#byTenant.delete(tenant));
    this.#byTenant.set(tenant, changes);
    return changes;
  }
}

interface Follower {
  readonly feed: Feed<JobsNews>;
  /** It knows all changes up to this one. */
  from: number;
  /** News waits here until it has been told what it missed. */
  early: JobsNews[] | null;
}

type Read = { readonly changed: readonly ChangedJob[] } | { readonly moved: Job | null };

interface Missed {
  readonly missed: readonly ChangedJob[] | null;
  /** The change up to which they are complete, if there are any. */
  readonly upTo: number;
}

/** The changes of one tenant's jobs, while anyone follows them. */
class TenantChanges {
  readonly #sources: Sources;
  readonly #tenant: string;
  readonly #onEnd: () => void;
  readonly #followers = new Set<Follower>();
  readonly #reading: Reading<Read>;
  /** Resolves when no more changes can be missed; rejects for all followers if that fails. */
  readonly #begun: Promise<void>;
  #leave: Unfollow | null = null;
  #isOver = false;
  /** The change up to which followers have been told. Infinite until it is known. */
  #told = Number.POSITIVE_INFINITY;

  /** @param onEnd called once, when the last follower has left */
  constructor(sources: Sources, tenant: string, onEnd: () => void) {
    this.#sources = sources;
    this.#tenant = tenant;
    this.#onEnd = onEnd;
    const { store } = sources;
    this.#reading = new Reading<Read>({
      read: async (id) =>
        id === CHANGES
          ? { changed: await store.changedSince(tenant, this.#told, BATCH) }
          : { moved: await this.#present(id) },
      take: (read) => {
        if ('changed' in read) this.#tell(read.changed);
        else this.#move(read.moved);
      },
      fail: (reason) => {
        for (const { feed } of this.#followers) feed.fail(reason);
      },
      // One after the other, so that none brings an older state than the one before.
      parallel: 1,
    });
    this.#begun = this.#begin();
    // Each follower waits for it, and may leave before.
    this.#begun.catch(() => {});
  }

  join(inTurn?: InTurn): Follower {
    const leave = (): void => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#end();
    };
    const feed = new Feed<JobsNews>(MAX_FEED, leave, inTurn, ({ cursor }) => ({ kind: 'RESYNC', cursor }));
    const follower: Follower = { feed, from: 0, early: [] };
    this.#followers.add(follower);
    return follower;
  }

  /** Tells a follower what it missed. */
  async begin(follower: Follower, since: Since): Promise<void> {
    await this.#begun;
    const told = this.#told;
    const { missed, upTo } = await this.#missedSince(since);
    const { feed, early } = follower;
    // What was told before it asked is among what it missed.
    follower.from = Math.max(told, upTo);
    follower.early = null;
    for (const change of missed ?? []) feed.push(newsOf(change));
    feed.push({ kind: missed === null ? 'RESYNC' : 'CURRENT', cursor: follower.from });
    for (const news of early ?? []) this.#give(follower, news);
  }

  tellMoved(ids: readonly string[]): void {
    if (Number.isFinite(this.#told)) for (const id of ids) this.#reading.want(id);
  }

  async #begin(): Promise<void> {
    const { bus, store } = this.#sources;
    const leave = await bus.followTenant(this.#tenant, () => this.#hear());
    this.#leave = leave;
    if (this.#isOver) leave();
    this.#told = await store.lastChange();
    // Signals of what was stored after that read, and heard before its answer, were not acted on.
    this.#hear();
  }

  #hear(): void {
    // Until it is known where to begin, nobody has been told anything.
    if (Number.isFinite(this.#told)) this.#reading.want(CHANGES);
  }

  /** Returns null if the job is just changing: memory may be behind what has been told. */
  async #present(id: string): Promise<Job | null> {
    const { store } = this.#sources;
    const job = await store.get(id);
    const versions = await store.versions([id]);
    return job !== null && job.version === versions.get(id) ? job : null;
  }

  /** Returns null for changes that are too many, or of which some may no longer be on record. */
  async #missedSince(since: Since): Promise<Missed> {
    if (since === 'now') return { missed: [], upTo: 0 };
    if (since === 'unknown') return { missed: null, upTo: 0 };
    const { store } = this.#sources;
    const missed = await store.changedSince(this.#tenant, since, MAX_CHANGES + 1);
    // Afterwards, because changes may be forgotten between the reads.
    const [first, last] = await Promise.all([store.firstChange(), store.lastChange()]);
    const isKnown = since === last || (since < last && first <= since + 1);
    if (!isKnown || missed.length > MAX_CHANGES) return { missed: null, upTo: 0 };
    return { missed, upTo: missed.at(-1)?.number ?? since };
  }

  #tell(changed: readonly ChangedJob[]): void {
    for (const news of changed.map(newsOf))
      for (const follower of this.#followers) this.#give(follower, news);
    this.#told = changed.at(-1)?.number ?? this.#told;
    if (changed.length === BATCH) this.#reading.want(CHANGES);
  }

  #move(job: Job | null): void {
    if (job === null || job.tenant !== this.#tenant || job.eraseAt !== null || job.status !== 'WAITING')
      return;
    for (const { feed, from, early } of this.#followers) {
      if (early === null) feed.push({ kind: 'MOVED', cursor: Math.max(from, this.#told), job });
    }
  }

  #give({ feed, from, early }: Follower, news: JobsNews): void {
    if (early !== null) early.push(news);
    else if (news.cursor > from) feed.push(news);
  }

  #end(): void {
    this.#isOver = true;
    this.#onEnd();
    this.#reading.stop();
    this.#leave?.();
  }
}

function newsOf({ number, id, job }: ChangedJob): JobsNews {
  return job === null ? { kind: 'DELETED', cursor: number, id } : { kind: 'CHANGED', cursor: number, job };
}
