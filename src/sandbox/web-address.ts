/** Addresses in requests and settings. */

/** The http(s) URL, or null. Not by `URL.canParse`, which Node 20 gets wrong outside ASCII once it is hot. */
export function webAddress(value: unknown): URL | null {
  if (typeof value !== 'string') return null;
  try {
    const url = new URL(value);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}
