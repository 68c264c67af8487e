/** How long one call may take, and who else may end it. */
import { setMaxListeners } from 'node:events';

export class DeadlineExceededError extends Error {
  override readonly name = 'DeadlineExceededError';
}

/**
 * One AbortSignal that fires after `timeoutMs` or with `outer`, whichever comes first.
 *
 * Not `AbortSignal.any`: its composite signals stay registered on a long-lived `outer` (a service's own
 * stop signal) until garbage collection. `dispose` takes everything down at once.
 */
export class Deadline {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  readonly #outer: AbortSignal | undefined;

  constructor(timeoutMs: number, outer?: AbortSignal | undefined) {
    this.signal = this.#controller.signal;
    this.#outer = outer;
    this.restart(timeoutMs);
    if (outer === undefined) return;
    // One signal for every call of a service is ordinary, and each call takes its listener down again.
    setMaxListeners(0, outer);
    if (outer.aborted) this.#stop();
    else outer.addEventListener('abort', this.#stop, { once: true });
  }

  /** Whether it was the time that ended the call. */
  get expired(): boolean {
    return this.signal.reason instanceof DeadlineExceededError;
  }

  /** Settles as `promise` does, or rejects with the signal's reason once that fires. `promise` itself goes on. */
  async race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    return await new Promise<T>((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** Gives it so many milliseconds from now on. */
  restart(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new DeadlineExceededError(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#stop);
  }

  readonly #stop = (): void => this.#controller.abort(this.#outer?.reason);
}
