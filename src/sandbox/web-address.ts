/** URLs in requests and settings. */

/**
 * Returns the http(s) URL, or null. Does not use `URL.canParse`, which Node 20 gets wrong for non-ASCII input
 * once it is optimized.
 */
export function webAddress(value: unknown): URL | null {
  if (typeof value !== 'string') return null;
  try {
    const url = new URL(value);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}
