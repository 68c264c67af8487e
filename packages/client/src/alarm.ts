/** Waiting that ends early when there is reason to try again: the browser is online, or the page has woken. */

export interface Alarm {
  /**
   * Resolves after `ms`, or at the next reason to try again. Rejects with the signal's reason.
   *
   * @param retryAfter seconds to wait before, whatever happens
   */
  sleep(ms: number, signal: AbortSignal, retryAfter?: number | null): Promise<void>;
  /** Calls `listener` at each reason to try again, until the function that it returns is called. */
  onWake(listener: () => unknown): () => void;
}

const EVENTS = ['online', 'offline', 'pageshow', 'visibilitychange'];
const TICK_MS = 2000;
/** A timer that is late by this much has slept with the machine, or the page was frozen. */
const MAX_LATE_MS = 3000;
const MAX_BACKOFF_MS = 8000;

/** Half a second, then twice as long each time, up to 8 seconds; or up to half of that less, so that not all return at once. */
export function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, 500 * 2 ** failures) * (1 - Math.random() / 2);
}

/** @param closed ends listening to the page */
export function createAlarm(closed: AbortSignal): Alarm {
  const listeners = new Set<() => unknown>();
  let ticks: ReturnType<typeof setInterval> | undefined;
  let tickedAt = 0;

  const wake = (): void => {
    if (!globalThis.document?.hidden) for (const listener of [...listeners]) listener();
  };
  const tick = (): void => {
    const now = Date.now();
    const isLate = now - tickedAt > TICK_MS + MAX_LATE_MS;
    tickedAt = now;
    if (isLate) wake();
  };
  const onWake = (listener: () => unknown): (() => void) => {
    if (listeners.size === 0) {
      tickedAt = Date.now();
      ticks = setInterval(tick, TICK_MS);
    }
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) clearInterval(ticks);
    };
  };
  // Node has no such function.
  for (const event of EVENTS) globalThis.addEventListener?.(event, wake, { signal: closed });

  return {
    onWake,
    sleep: (ms, signal, retryAfter) =>
      new Promise((resolve, reject) => {
        const minMs = (retryAfter ?? 0) * 1000;
        const earliest = Date.now() + minMs;
        const end = (): void => {
          clearTimeout(timer);
          forget();
          signal.removeEventListener('abort', end);
          if (signal.aborted) reject(signal.reason);
          else resolve();
        };
        const timer = setTimeout(end, minMs + ms);
        const forget = onWake(() => Date.now() >= earliest && end());
        signal.addEventListener('abort', end);
        if (signal.aborted) end();
      }),
  };
}
