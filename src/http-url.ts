/** Addresses of pictures and videos: what is one, and how it is written on the wire. */

/** Characters; browsers, proxies and signed addresses of object stores all stay well below. */
const MAX_CHARACTERS = 4096;

/**
 * The URL, or null for what is none.
 *
 * Not `URL.canParse`: in Node 20 it gives wrong answers for text outside ASCII once it has been called some
 * thousand times.
 */
export function parseUrl(text: string, base?: string): URL | null {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}

/** Whether `text` is an absolute http(s) URL, with nothing in it that a parser would have to mend. */
export function isHttpUrl(text: string): boolean {
  return (
    text.length <= MAX_CHARACTERS &&
    /^https?:\/\/[^/]/i.test(text) &&
    // The URL parser drops line breaks and turns backslashes round, silently.
    !/[\s\p{C}\\<>"]/u.test(text) &&
    parseUrl(text) !== null
  );
}

/** RFC 3986, as far as it goes for http: brackets stand round an IPv6 address alone, and there is one fragment. */
const URI =
  /^https?:\/\/(?:[\w\-.~:!$&'()*+,;=%]*@)?(?:\[[\da-f:.]+\]|[\w\-.~!$&'()*+,;=%]+)(?::\d*)?(?:[/?][\w\-.~:/?@!$&'()*+,;=%]*)?(?:#[\w\-.~:/?@!$&'()*+,;=%]*)?$/i;
/** A percent sign that escapes nothing. */
const STRAY_PERCENT = /%(?![\da-f]{2})/gi;

/**
 * The same address in the characters that RFC 3986 allows, as Akool's `format: uri` asks; unchanged if it
 * has no others.
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
