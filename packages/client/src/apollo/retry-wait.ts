import { backoffMs } from '../alarm.js';

/** Waits before a reconnect, up to 8 seconds, and no longer than until the browser is online again. */
export function retryWait(retries: number): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const go = (): void => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(go, backoffMs(retries));
    globalThis.addEventListener?.('online', go, { signal: over.signal });
  });
}
