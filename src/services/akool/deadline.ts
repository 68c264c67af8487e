/** The deadline of one call, which an outer signal can also end. */
import { setMaxListeners } from 'node:events';

export class DeadlineExceededError extends Error {
  override readonly name = 'DeadlineExceededError';
}

/**
 * An AbortSignal that fires after `timeoutMs` or with `outer`, whichever comes first.
 *
 * It does not use `AbortSignal.any`, whose composite signals stay registered on a long-lived `outer` (a
 * service's stop signal) until garbage collection. `dispose` removes everything at once.
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
    // Many calls share one signal, which is normal: each call removes its listener again.
    setMaxListeners(0, outer);
    if (outer.aborted) this.#stop();
    else outer.addEventListener('abort', this.#stop, { once: true });
  }

  /** Whether the call ended because of the timeout. */
  get expired(): boolean {
    return this.signal.reason instanceof DeadlineExceededError;
  }

  /** Settles like `promise`, or rejects with the signal's reason once it fires. `promise` itself continues. */
  async race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    return await new Promise<T>((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** Sets the timeout to `timeoutMs` from now. */
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
