/**
 * Every timer of a sandbox, so that stop can clear them all. They are unref'd: what keeps a process alive is
 * its server, never a job that somebody has forgotten.
 */
export class Timers {
  readonly #pending = new Set<{ timer: NodeJS.Timeout; abandon?: (reason: Error) => void }>();

  /** Calls back once after `ms`, unless cleared before. */
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

  /** Waits for `ms`; rejects with {@link Stopped} when the timers are cleared first. */
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

/** Something was waiting when the sandbox stopped. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  constructor() {
    super('The sandbox was stopped');
  }
}

/** Node fires at once for delays over 2^31 - 1 ms, which would turn a very long stall into none. */
function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), 2_147_483_647);
}
