const MAX_RETRY_WAIT_MS = 15_000;

/**
 * Waits before a reconnect: 1, 2, 4, 8, then 15 seconds, or up to a third less, so that not all clients of a gateway
 * return at once; and no longer than until the browser is online again.
 */
export function retryWait(retries: number): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const waitMs = Math.min(MAX_RETRY_WAIT_MS, 1000 * 2 ** retries) * (1 - Math.random() / 3);
    const go = (): void => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(go, waitMs);
    globalThis.addEventListener?.('online', go, { signal: over.signal });
  });
}
