/**
 * The items still to be delivered to one follower: an async iterator with a bounded backlog.
 *
 * It is not an async generator, because a waiting generator can't be stopped: its `return()` would queue
 * behind the wait, and an abandoned subscription would leak.
 */
import { atOnce, type InTurn } from '../limits/event-turns.js';

export interface FeedOptions<T> {
  /** Returns what replaces all items beyond the limit. Default: the oldest is dropped. */
  readonly overflow?: (newest: T) => T;
  /** Called when the last item has been taken. */
  readonly onEmpty?: () => void;
}

export class Feed<T> implements AsyncIterableIterator<T> {
  readonly #limit: number;
  readonly #onEnd: () => void;
  readonly #inTurn: InTurn;
  readonly #overflow: ((newest: T) => T) | null;
  readonly #onEmpty: (() => void) | null;
  /**
   * Usually empty. Replaced when it becomes empty: an array that was pushed to keeps room for sixteen items, and
   * thousands of feeds may be waiting.
   */
  #items: T[] = [];
  /** Pending `next()` calls, first come, first served. */
  #takers: { resolve(result: IteratorResult<T>): void; reject(reason: unknown): void }[] = [];
  /** A `next()` call is waiting for its turn. */
  #isInLine = false;
  #state: 'open' | 'completing' | 'ended' = 'open';
  #failure: { readonly reason: unknown } | null = null;

  /**
   * @param limit how many items may wait for a slow follower; beyond it the oldest are dropped, so that the newest
   *   state always arrives
   * @param onEnd called once, as soon as the feed accepts no more items, so that its sources can be released even if
   *   its items are never taken
   * @param inTurn runs the delivery of the next item when it is this follower's turn
   */
  constructor(limit: number, onEnd: () => void, inTurn: InTurn = atOnce, options: FeedOptions<T> = {}) {
    this.#limit = limit;
    this.#onEnd = onEnd;
    this.#inTurn = inTurn;
    this.#overflow = options.overflow ?? null;
    this.#onEmpty = options.onEmpty ?? null;
  }

  /** Whether the feed accepts no more items. */
  get ended(): boolean {
    return this.#state !== 'open';
  }

  /** None of these is delivered before all have been added. */
  push(...items: T[]): void {
    const newest = items.at(-1);
    if (this.#state !== 'open' || newest === undefined) return;
    if (this.#items.length > 0) this.#items.push(...items);
    else this.#items = items;
    if (this.#items.length > this.#limit) {
      if (this.#overflow === null) this.#items = this.#items.slice(-this.#limit);
      else this.#items = [this.#overflow(newest)];
    }
    this.#giveInTurn();
  }

  /** Drops the items that `isStale` holds for. */
  drop(isStale: (item: T) => boolean): void {
    if (this.#items.some(isStale)) this.#items = this.#items.filter((item) => !isStale(item));
  }

  /** Ends the feed once everything pushed so far has been taken. */
  complete(): void {
    if (this.#state !== 'open') return;
    this.#state = 'completing';
    this.#onEnd();
    if (this.#items.length === 0) this.#end();
  }

  /** Ends the feed with an error, once everything pushed so far has been taken. */
  fail(reason: unknown): void {
    if (this.#state !== 'open') return;
    this.#failure = { reason };
    this.complete();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#items.length === 0) {
      if (this.#failure !== null) {
        const { reason } = this.#failure;
        this.#failure = null;
        this.#end();
        return Promise.reject(reason);
      }
      if (this.#state !== 'open') return Promise.resolve({ value: undefined, done: true });
    }
    return new Promise((resolve, reject) => {
      const taker = { resolve, reject };
      if (this.#takers.length > 0) this.#takers.push(taker);
      else this.#takers = [taker];
      this.#giveInTurn();
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#items = [];
    this.#failure = null;
    this.#end();
    return Promise.resolve({ value: undefined, done: true });
  }

  throw(reason: unknown): Promise<IteratorResult<T>> {
    return this.return().then(() => Promise.reject(reason));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #giveInTurn(): void {
    if (this.#isInLine || this.#items.length === 0 || this.#takers.length === 0) return;
    this.#isInLine = true;
    this.#inTurn(() => {
      this.#isInLine = false;
      this.#give();
      this.#giveInTurn();
    });
  }

  /** The items may be gone by the time its turn comes. */
  #give(): void {
    const item = this.#items.shift();
    if (item === undefined) return;
    this.#takers.shift()?.resolve({ value: item, done: false });
    if (this.#items.length > 0) return;
    this.#items = [];
    this.#onEmpty?.();
    if (this.#state === 'completing' && (this.#failure === null || this.#takers.length > 0)) this.#end();
  }

  #end(): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'ended';
    if (wasOpen) this.#onEnd();
    const takers = this.#takers.splice(0);
    // Without a taker, it is kept for the next one.
    if (this.#failure !== null && takers.length > 0) {
      takers.shift()?.reject(this.#failure.reason);
      this.#failure = null;
    }
    for (const taker of takers) taker.resolve({ value: undefined, done: true });
  }
}
