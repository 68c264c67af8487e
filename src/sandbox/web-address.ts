/** URLs in requests and settings. */
import { Refusal } from './refusal.js';

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

/**
 * Returns the integer that a parameter of a URL's query sets, like `?sandbox-ms=500`; null if it is absent.
 * @throws Refusal 1003
 */
export function numberIn(url: string, name: string): number | null {
  if (!url.includes(`${name}=`)) return null;
  const text = new URL(url).searchParams.get(name);
  if (text === null) return null;
  if (!/^\d{1,9}$/.test(text)) throw new Refusal(1003, `${name} must be an integer`);
  return Number(text);
}
