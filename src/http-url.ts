/** Addresses of pictures and videos: what is one, and how it is written on the wire. */

/** Characters; browsers, proxies and signed addresses of object stores all stay well below. */
const MOST_CHARACTERS = 4096;

/** Whether `text` is an absolute http(s) URL, with nothing in it that a parser would have to mend. */
export function isHttpUrl(text: string): boolean {
  return (
    text.length <= MOST_CHARACTERS &&
    /^https?:\/\/[^/]/i.test(text) &&
    // The URL parser drops line breaks and turns backslashes round, silently.
    !/[\s\p{C}\\<>"]/u.test(text) &&
    URL.canParse(text)
  );
}

/**
 * The same address in the characters that RFC 3986 allows, as Akool's `format: uri` asks; unchanged if it
 * has no others.
 */
export function toUri(url: string): string {
  if (/^[\w\-.~:/?#[\]@!$&'()*+,;=%]*$/.test(url) && !/%(?![0-9a-f]{2})/i.test(url)) return url;
  return new URL(url).href
    .replace(/%(?![0-9a-f]{2})/gi, '%25')
    .replace(/[^\w\-.~:/?#[\]@!$&'()*+,;=%]/g, (character) => encodeURIComponent(character));
}
