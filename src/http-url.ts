/** URLs of pictures and videos: validates them, and encodes them for Akool. */

/** In characters. Browsers, proxies and signed URLs of object stores stay well below. */
export const MAX_URL_CHARACTERS = 4096;

/** Every reason to refuse a URL, and what to do. */
export const URL_FAULTS = {
  EMPTY: 'must not be empty: give an address like https://example.com/face.jpg',
  TOO_LONG: `must have at most ${MAX_URL_CHARACTERS} characters`,
  LINE_BREAK: 'must have no line breaks or other control characters',
  BLANK:
    'must have no blanks: remove those at the ends, and encode others as %20, like https://example.com/my%20face.jpg',
  BACKSLASH: 'must have no backslashes: separate with /, like https://example.com/face.jpg',
  BROKEN_CHARACTER: 'must be well-formed text: one of its characters is half a surrogate pair',
  LOCAL:
    'must be an http: or https: URL: data:, blob: and file: exist only on your side, like https://example.com/face.jpg',
  SCHEME:
    'must begin with http:// or https://, and no invisible character before that, like https://example.com/face.jpg',
  NO_HOST: 'must have a host after http:// or https://, like https://example.com/face.jpg',
  PORT: 'must have a port from 0 to 65535',
  HOST: 'must have a valid host, like https://example.com/face.jpg',
} as const;

export type UrlFault = keyof typeof URL_FAULTS;

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

/** Returns the host name of a URL, empty if there is none; IPv6 without brackets. */
export function hostnameOf(url: string): string {
  return parseUrl(url)?.hostname.replace(/^\[|\]$/g, '') ?? '';
}

/** Returns why `text` is not an absolute http(s) URL that means what it says; null if it is one. */
export function urlFault(text: string): UrlFault | null {
  if (text === '') return 'EMPTY';
  if (/^(?:data|blob|file):/i.test(text)) return 'LOCAL';
  if (text.length > MAX_URL_CHARACTERS) return 'TOO_LONG';
  // The URL parser silently drops line breaks, trims blanks and turns backslashes into slashes.
  if (/[\p{Cc}\u2028\u2029]/u.test(text)) return 'LINE_BREAK';
  if (text.includes(' ')) return 'BLANK';
  if (text.includes('\\')) return 'BACKSLASH';
  if (/\p{Cs}/u.test(text)) return 'BROKEN_CHARACTER';
  const [, authority] = /^https?:\/\/([^/?#]*)/i.exec(text) ?? [];
  if (authority === undefined) return 'SCHEME';
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (host === '' || host.startsWith(':')) return 'NO_HOST';
  const [, port] = /^(?:\[[^\]]*\]|[^:]*):([^:]*)$/.exec(host) ?? [];
  if (port !== undefined && (/\D/.test(port) || Number(port) > 65_535)) return 'PORT';
  // The parser drops characters without a glyph from a host, which then names another one.
  return /[\s%\p{C}\p{Default_Ignorable_Code_Point}]/u.test(host) || parseUrl(text) === null ? 'HOST' : null;
}

export function isHttpUrl(text: string): boolean {
  return urlFault(text) === null;
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
