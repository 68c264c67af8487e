/**
 * What one follower still has to be given: an async iterator that never falls behind by more than a bound.
 *
 * Written by hand rather than as an async generator, because a generator that waits can't be told to stop:
 * its `return()` would queue behind the wait, and an abandoned subscription would leak.
 */
export class Feed<T> implements AsyncIterableIterator<T> {
  readonly #limit: number;
  readonly #onEnd: () => void;
  #items: T[] = [];
  #taker: { resolve(result: IteratorResult<T>): void; reject(reason: unknown): void } | null = null;
  #state: 'open' | 'completing' | 'ended' = 'open';
  #failure: { readonly reason: unknown } | null = null;

  /**
   * @param limit how many items may wait for a slow follower; beyond it the oldest are dropped, so that the
   *   newest state always arrives.
   * @param onEnd called once, when the feed ends in whatever way.
   */
  constructor(limit: number, onEnd: () => void) {
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  /** Nobody takes anything any more. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  push(item: T): void {
    if (this.#state !== 'open') return;
    if (this.#taker !== null) {
      const taker = this.#taker;
      this.#taker = null;
      taker.resolve({ value: item, done: false });
      return;
    }
    this.#items.push(item);
    if (this.#items.length > this.#limit) this.#items.shift();
  }

  /** Ends the feed once everything pushed so far has been taken. */
  complete(): void {
    if (this.#state !== 'open') return;
    this.#state = 'completing';
    if (this.#items.length === 0) this.#end();
  }

  /** Ends the feed with an error, once everything pushed so far has been taken. */
  fail(reason: unknown): void {
    if (this.#state !== 'open') return;
    this.#failure = { reason };
    this.complete();
  }

  next(): Promise<IteratorResult<T>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      if (this.#state === 'completing' && this.#items.length === 0 && this.#failure === null) {
        // The last one: nothing is left to hold on to while the follower digests it.
        this.#end();
      }
      return Promise.resolve({ value: item, done: false });
    }
    if (this.#failure !== null) {
      const { reason } = this.#failure;
      this.#failure = null;
      this.#end();
      return Promise.reject(reason);
    }
    if (this.#state !== 'open') return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject };
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

  #end(): void {
    const taker = this.#taker;
    this.#taker = null;
    if (this.#state !== 'ended') {
      this.#state = 'ended';
      this.#onEnd();
    }
    if (taker === null) return;
    if (this.#failure === null) taker.resolve({ value: undefined, done: true });
    else {
      const { reason } = this.#failure;
      this.#failure = null;
      taker.reject(reason);
    }
  }
}
