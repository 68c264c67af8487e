/**
 * URLs from Akool: parsed leniently, because the picture was paid for, but trusted only if they look like
 * Akool's.
 */
import { isIP } from 'node:net';
import { hostnameOf, isHttpUrl, parseUrl, toUri } from '../../http-url.js';

/** In characters, encoded: a file name of 255 non-ASCII characters takes 2,300, a signature about 1,500. */
const MAX_PROVIDER_URL_CHARACTERS = 8192;
/** Maximum length of a URL in a log line. */
const MAX_LOGGED_CHARACTERS = 500;

/** A host with an optional port, without a scheme. */
const HOST_FIRST = /^(?:localhost|(?:\d{1,3}\.){3}\d{1,3}|(?:[\w-]{1,63}\.)+[a-z]{2,63})(?::\d{1,5})?\//i;
const PARTS = /^([a-z][a-z\d+.-]*:)?(\/\/[^/?#]*)?(.*)$/is;
/** Starts like a path or names a file. Other words ("none", "N/A") are not URLs. */
const PATH = /^\.{0,2}\/|\.[a-z\d]{2,5}(?:[?#]|$)/i;

/**
 * Returns the absolute http(s) URL that Akool means, in the characters of RFC 3986; null if it cannot be read
 * as one. These URLs may contain users' file names, so blanks and the like are encoded, not refused. A URL
 * without scheme or host is resolved against `baseUrl`.
 *
 * @param baseUrl Akool's base URL
 */
export function readProviderUrl(said: string, baseUrl: string): string | null {
  const text = said.trim();
  // Half a surrogate pair could have been any character.
  if (text.length > MAX_PROVIDER_URL_CHARACTERS || /\p{Cs}/u.test(text)) return null;
  const absolute = isHttpUrl(text) ? text : mended(text, baseUrl);
  const uri = absolute === null ? null : toUri(absolute);
  return uri !== null && uri.length <= MAX_PROVIDER_URL_CHARACTERS ? uri : null;
}

/**
 * Whether an absolute URL looks like one of Akool's results: https with a host name, or http(s) on any port of the host
 * in `baseUrl`, which a sandbox on this machine uses. Does not resolve the host name; the downloader must check its
 * addresses.
 *
 * @param baseUrl Akool's base URL
 */
export function isProviderResultUrl(url: string, baseUrl: string): boolean {
  if (!isHttpUrl(url)) return false;
  const { protocol, hostname, username, password } = new URL(url);
  if (username !== '' || password !== '') return false;
  if (hostname === parseUrl(baseUrl)?.hostname) return true;
  // Akool uses host names; an IP address points to an attack on a server that only we can reach.
  return protocol === 'https:' && isIP(hostnameOf(url)) === 0;
}

/**
 * Returns a URL from Akool for the log: without its query, which may grant access to the picture, without a
 * user name, and without the data of a `data:` URL, which is the picture itself. The `_id` logged with it is
 * enough to ask Akool for the rest.
 */
export function providerUrlForLog(said: string): string {
  const end = /^\s*data:/i.test(said.slice(0, 100)) ? /[,;?#]/ : /[?#]/;
  const [place = ''] = said.slice(0, MAX_LOGGED_CHARACTERS).split(end, 1);
  return place.replace(/^([a-z][a-z\d+.-]*:)?\/\/[^/]*@/i, '$1//');
}

function mended(text: string, baseUrl: string): string | null {
  const [, scheme = '', authority = '', rest = ''] =
    PARTS.exec(HOST_FIRST.test(text) ? `//${text}` : text) ?? [];
  if (scheme === '' && authority === '' && !PATH.test(rest)) return null;
  // The URL parser would silently drop line breaks and turn backslashes into slashes.
  const encoded = rest.replace(/[\s\p{C}\\]/gu, encodeURIComponent);
  const url = parseUrl(scheme + authority + encoded, scheme === '' ? `${baseUrl}/` : undefined);
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : null;
}
