/** URLs of pictures and videos: validates them, and encodes them for Akool. */

/** In characters. Browsers, proxies and signed URLs of object stores stay well below this. */
const MAX_CHARACTERS = 4096;

/**
 * Returns null if the text is not a URL.
 *
 * Don't use `URL.canParse`: in Node 20 it returns wrong results for non-ASCII text after a few thousand calls.
 */
export function parseUrl(text: string, base?: string): URL | null {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}

/** Whether `text` is an absolute http(s) URL that a parser would not have to correct. */
export function isHttpUrl(text: string): boolean {
  return (
    text.length <= MAX_CHARACTERS &&
    /^https?:\/\/[^/]/i.test(text) &&
    // The URL parser silently drops line breaks and turns backslashes into slashes.
    !/[\s\p{C}\\<>"]/u.test(text) &&
    parseUrl(text) !== null
  );
}

/** RFC 3986 for http(s): brackets enclose only an IPv6 address, and there is at most one fragment. */
const URI =
  /^https?:\/\/(?:[\w\-.~:!$&'()*+,;=%]*@)?(?:\[[\da-f:.]+\]|[\w\-.~!$&'()*+,;=%]+)(?::\d*)?(?:[/?][\w\-.~:/?@!$&'()*+,;=%]*)?(?:#[\w\-.~:/?@!$&'()*+,;=%]*)?$/i;
/** A percent sign that is not followed by two hex digits. */
const STRAY_PERCENT = /%(?![\da-f]{2})/gi;

/**
 * Encodes all characters of a URL that RFC 3986 does not allow, as Akool's `format: uri` requires. Returns the URL
 * unchanged if there are none.
 */
export function toUri(url: string): string {
  if (URI.test(url) && url.search(STRAY_PERCENT) === -1) return url;
  const { href } = new URL(url);
  const [, authority = '', rest = ''] = /^(\w+:\/\/[^/?#]*)(.*)$/s.exec(href) ?? [];
  const [beforeFragment = '', ...fragments] = rest.split('#');
  const hash = fragments.length > 0 ? `#${fragments.join('%23')}` : '';
  return (
    authority.replace(STRAY_PERCENT, '%25').replace(/[^\w\-.~:/@!$&'()*+,;=%[\]]/g, encodeURIComponent) +
    (beforeFragment + hash)
      .replace(STRAY_PERCENT, '%25')
      .replace(/[^\w\-.~:/?#@!$&'()*+,;=%]/g, encodeURIComponent)
  );
}
