/**
 * All timers of a sandbox, so that stop can clear them. They are unref'd, so that only the server keeps the
 * process alive, not a forgotten job.
 */
export class Timers {
  readonly #pending = new Set<{ timer: NodeJS.Timeout; abandon?: (reason: Error) => void }>();

  /** Calls `callback` once after `ms`, unless cleared before. */
  after(ms: number, callback: () => void): void {
    const entry = {
      timer: setTimeout(() => {
        this.#pending.delete(entry);
        callback();
      }, clamp(ms)),
    };
    entry.timer.unref();
    this.#pending.add(entry);
  }

  /** Waits for `ms`; rejects with {@link Stopped} if the timers are cleared first. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        timer: setTimeout(() => {
          this.#pending.delete(entry);
          resolve();
        }, clamp(ms)),
        abandon: reject,
      };
      entry.timer.unref();
      this.#pending.add(entry);
    });
  }

  clear(): void {
    for (const { timer, abandon } of this.#pending) {
      clearTimeout(timer);
      abandon?.(new Stopped());
    }
    this.#pending.clear();
  }
}

/** Waiting code rejects with this when the sandbox stops. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  constructor() {
    super('The sandbox was stopped');
  }
}

/** Limits the delay: Node fires at once for delays over 2^31 - 1 ms, which would turn a very long stall into none. */
function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), 2_147_483_647);
}
