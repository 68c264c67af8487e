/** The `Retry-After` header (RFC 9110, section 10.2.3): seconds, or an HTTP date. */

/** In milliseconds. No header may pause the gateway for longer. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

/** Returns how long to wait from `now`, 0 to MAX_RETRY_AFTER_MS; null if unreadable. All in milliseconds. */
export function retryAfterMs(header: string | readonly string[] | undefined, now: number): number | null {
  const value = (typeof header === 'string' ? header : header?.[0])?.trim();
  if (value === undefined) return null;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : dateOf(value) - now;
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), MAX_RETRY_AFTER_MS);
}

/** All three forms of an HTTP date begin with a weekday; Date.parse alone accepts far more. */
function dateOf(value: string): number {
  return /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value) ? Date.parse(value) : Number.NaN;
}
