/**
 * The changes of one tenant's jobs, while anyone on this instance follows them.
 *
 * The store is read for every change, because only it knows their numbers, which are the places to continue from. A
 * signal of the bus only says that there is something to read, once for all followers. So a signal that is lost,
 * repeated or reordered changes nothing.
 *
 * All reads of a tenant are made one after the other, and what one brings is told before the next begins. So an older
 * state never follows a newer one, and many followers who come back at once take turns.
 */
import type { InTurn } from '../limits/event-turns.js';
import { Holding } from '../limits/held-bytes.js';
import { Feed } from './feed.js';
import type { Sources } from './follow.js';
import type { Job } from './job.js';
import type { Unfollow } from './job-bus.js';
import { type ChangedJob, type ChangePlace, FIRST_PLACE } from './job-store.js';
import { hasMovedFar } from './queue-stride.js';
import { Reading } from './reading.js';

export const JOBS_NEWS_KINDS = ['CURRENT', 'CHANGED', 'MOVED', 'DELETED', 'RESYNC'] as const;

/** `cursor` is a change up to which everything has been told. */
export type JobsNews =
  /** All that was missed has been told. */
  | { readonly kind: 'CURRENT'; readonly cursor: ChangePlace }
  /** A new job, or a new version of one. */
  | { readonly kind: 'CHANGED'; readonly cursor: ChangePlace; readonly job: Job }
  /** Only its position in the queue changed, which is not stored. */
  | { readonly kind: 'MOVED'; readonly cursor: ChangePlace; readonly job: Job; readonly position: number }
  | { readonly kind: 'DELETED'; readonly cursor: ChangePlace; readonly id: string }
  /** Something was left out: the jobs have to be read again. */
  | { readonly kind: 'RESYNC'; readonly cursor: ChangePlace };

/** Where a follower continues: a cursor, the present, or a place that is not known. */
export type Since = ChangePlace | 'now' | 'unknown';

/** Changes that a follower is told after an absence, or that wait because it reads slowly; beyond it, it must resync. */
const MAX_CHANGES = 1000;
/** The first waiting jobs of a tenant, whose moves its followers are told. */
export const MAX_TOLD_POSITIONS = 100;
/** Changes per read. */
const BATCH = 100;
/** Jobs per read for one follower, if there is room for them. */
const JOBS_FOR_ONE = 20;
/** What is read for all followers; the other keys of reads are those of followers. */
const CHANGES = 'changes';
const MOVES = 'moves';

interface Follower {
  readonly key: string;
  readonly feed: Feed<JobsNews>;
  /** It has been told all changes up to this one. */
  at: ChangePlace;
  state: 'joining' | 'catching-up' | 'current';
  /** Room for jobs that have been read for it and not told. */
  readonly room: Holding;
}

interface TenantChangesOptions {
  /** Takes room for jobs that are read for one follower and not told yet; a negative number gives it back. */
  readonly takeRoom: (jobs: number) => boolean;
  /** Called once, when the last follower has left. */
  readonly onEnd: () => void;
}

export class TenantChanges {
  readonly #sources: Sources;
  readonly #tenant: string;
  readonly #options: TenantChangesOptions;
  readonly #followers = new Map<string, Follower>();
  /** Each read returns what to do with what it brought. */
  readonly #reading: Reading<() => void>;
  /** Resolves when no more changes can be missed; rejects for all followers if that fails. */
  readonly #begun: Promise<void>;
  /** The positions of the first waiting jobs that followers know, by job id. */
  #positions: ReadonlyMap<string, number> = new Map();
  /** The ids of jobs whose positions are to be told. */
  readonly #moved = new Set<string>();
  #leave: Unfollow | null = null;
  #isOver = false;
  #joined = 0;
  /** The change up to which followers have been told; null until it is known. */
  #told: ChangePlace | null = null;

  constructor(sources: Sources, tenant: string, options: TenantChangesOptions) {
    this.#sources = sources;
    this.#tenant = tenant;
    this.#options = options;
    this.#reading = new Reading<() => void>({
      read: (key) => this.#read(key),
      take: (tell) => tell(),
      fail: (reason) => {
        for (const { feed } of this.#followers.values()) feed.fail(reason);
      },
      parallel: 1,
    });
    this.#begun = this.#begin();
    // Each follower waits for it, and may leave before.
    this.#begun.catch(() => {});
  }

  /** See `ChangeFollowers.follow`. */
  async follow(since: Since, inTurn?: InTurn): Promise<Feed<JobsNews>> {
    const follower = this.#join(inTurn);
    try {
      await this.#begun;
    } catch (error) {
      await follower.feed.return();
      throw error;
    }
    if (since === 'now') this.#makeCurrent(follower, 'CURRENT');
    else if (since === 'unknown') this.#makeCurrent(follower, 'RESYNC');
    else {
      follower.at = since;
      this.#reading.want(follower.key);
    }
    return follower.feed;
  }

  /** @param positions those of the first `MAX_TOLD_POSITIONS` waiting jobs, by job id */
  tellPositions(positions: ReadonlyMap<string, number>): void {
    if (this.#told === null) return;
    const told = new Map<string, number>();
    for (const [id, position] of positions) {
      const before = this.#positions.get(id);
      // A new job may have moved since it was told.
      const isNews = before === undefined || hasMovedFar(before, position);
      told.set(id, isNews ? position : before);
      if (isNews) this.#moved.add(id);
    }
    this.#positions = told;
    if (this.#moved.size > 0) this.#reading.want(MOVES);
  }

  #join(inTurn?: InTurn): Follower {
    this.#joined += 1;
    const key = String(this.#joined);
    const room = new Holding(this.#options.takeRoom);
    const leave = (): void => {
      this.#followers.delete(key);
      this.#reading.forget(key);
      room.end();
      if (this.#followers.size === 0) this.#end();
    };
    const feed = new Feed<JobsNews>(MAX_CHANGES, leave, inTurn, {
      overflow: ({ cursor }) => ({ kind: 'RESYNC', cursor }),
      onEmpty: () => this.#hasBeenTold(follower),
    });
    const follower: Follower = { key, feed, at: FIRST_PLACE, state: 'joining', room };
    this.#followers.set(key, follower);
    return follower;
  }

  async #begin(): Promise<void> {
    const { bus, store } = this.#sources;
    const leave = await bus.followTenant(this.#tenant, () => this.#hear());
    this.#leave = leave;
    if (this.#isOver) leave();
    const first = await store.firstInQueue([this.#tenant], MAX_TOLD_POSITIONS);
    this.#positions = first.get(this.#tenant) ?? this.#positions;
    this.#told = await store.lastChange();
    // Signals of what was stored after that read, and heard before its answer, were not acted on.
    this.#hear();
  }

  #hear(): void {
    // Until it is known where to begin, nobody has been told anything.
    if (this.#told !== null) this.#reading.want(CHANGES);
  }

  #read(key: string): Promise<() => void> {
    if (key === CHANGES) return this.#readChanges();
    if (key === MOVES) return this.#readMoves();
    return this.#readMissed(this.#followers.get(key));
  }

  async #readChanges(): Promise<() => void> {
    const { number } = this.#told ?? FIRST_PLACE;
    const { changed, isFull } = await this.#sources.store.readChanges(this.#tenant, number, BATCH);
    return () => {
      // One object for all followers.
      const all = changed.map(newsOf);
      for (const { state, feed, at } of this.#followers.values()) {
        if (state !== 'current') continue;
        // One that has just caught up may know some of them.
        for (const news of all) if (news.cursor.number > at.number) feed.push(news);
      }
      this.#told = changed.at(-1)?.place ?? this.#told;
      if (isFull) this.#reading.want(CHANGES);
    };
  }

  async #readMissed(follower: Follower | undefined): Promise<() => void> {
    // It may have left, or asked for more while it was told the last.
    if (follower === undefined || follower.state === 'current') return () => {};
    const { store } = this.#sources;
    const { at, state, feed, room } = follower;
    room.release();
    // There is always room for one.
    const jobs = room.add(JOBS_FOR_ONE) ? JOBS_FOR_ONE : 1;
    if (state === 'joining') {
      const missed = await store.countChanges(this.#tenant, at.number, MAX_CHANGES + 1);
      if (missed > MAX_CHANGES) return () => this.#makeCurrent(follower, 'RESYNC');
    }
    const { changed, isFull } = await store.readChanges(this.#tenant, at.number, BATCH, jobs);
    // Asked afterwards, because changes may be forgotten between the reads.
    const isKnown = await store.hasChange(at);
    return () => {
      if (!isKnown) return this.#makeCurrent(follower, 'RESYNC');
      follower.state = 'catching-up';
      follower.at = changed.at(-1)?.place ?? at;
      feed.push(...changed.map(newsOf));
      if (!isFull) this.#makeCurrent(follower, 'CURRENT');
    };
  }

  /** It has taken all that was read for it. */
  #hasBeenTold(follower: Follower): void {
    follower.room.release();
    if (follower.state === 'catching-up') this.#reading.want(follower.key);
  }

  async #readMoves(): Promise<() => void> {
    const moved = [...this.#moved];
    const jobs = await this.#sources.store.waitingJobs(moved);
    return () => {
      for (const id of moved) this.#moved.delete(id);
      for (const follower of this.#followers.values()) {
        if (follower.state === 'current') this.#tellMoved(follower, jobs);
      }
    };
  }

  #tellMoved({ feed, at }: Follower, jobs: readonly Job[]): void {
    const ids = new Set(jobs.map(({ id }) => id));
    // A slow follower gets only the last position of each job.
    feed.drop((news) => news.kind === 'MOVED' && ids.has(news.job.id));
    const cursor = later(at, this.#told ?? FIRST_PLACE);
    for (const job of jobs) {
      const position = this.#positions.get(job.id);
      if (position !== undefined) feed.push({ kind: 'MOVED', cursor, job, position });
    }
  }

  /** From now on it is told what changes. */
  #makeCurrent(follower: Follower, kind: 'CURRENT' | 'RESYNC'): void {
    const told = this.#told ?? FIRST_PLACE;
    follower.at = kind === 'RESYNC' ? told : later(follower.at, told);
    follower.state = 'current';
    follower.feed.push({ kind, cursor: follower.at });
  }

  #end(): void {
    this.#isOver = true;
    this.#options.onEnd();
    this.#reading.stop();
    this.#leave?.();
  }
}

function later(one: ChangePlace, other: ChangePlace): ChangePlace {
  return one.number > other.number ? one : other;
}

function newsOf({ place: cursor, id, job }: ChangedJob): JobsNews {
  return job === null ? { kind: 'DELETED', cursor, id } : { kind: 'CHANGED', cursor, job };
}
