import pLimit from 'p-limit';

/** Lets one work at a time, first come, first served. */
export class Turn {
  readonly #limit = pLimit(1);

  /**
   * Waits, then works. If `signal` is aborted before the turn comes, it rejects at once; what has begun is finished,
   * because it may still be using memory or files.
   */
  take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => reject(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
      void this.#limit(async () => {
        signal.removeEventListener('abort', leave);
        if (!signal.aborted) await work().then(resolve, reject);
      });
    });
  }
}
