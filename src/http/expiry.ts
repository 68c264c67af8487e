/** The maximum delay of a timer: 24.8 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `expired` at the time `expiresAt`, or at once if it has passed.
 *
 * @param expiresAt milliseconds since 1970
 * @returns a function that cancels it
 */
export function atExpiry(expiresAt: number, expired: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const left = expiresAt - Date.now();
    if (left <= 0) expired();
    else timer = setTimeout(wait, Math.min(left, MAX_TIMER_MS));
  };
  wait();
  return () => clearTimeout(timer);
}
