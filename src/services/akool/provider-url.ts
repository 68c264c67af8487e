/** Addresses that Akool hands out: read generously, because the picture behind one is paid; trusted only where they fit. */
import { isIP } from 'node:net';
import { isHttpUrl, parseUrl, toUri } from '../../http-url.js';

/** Characters, once encoded: a file name of 255 characters outside ASCII takes 2,300, a signature some 1,500. */
const MAX_PROVIDER_URL_CHARACTERS = 8192;
/** Characters of an address in a line of the log. */
const MAX_LOGGED_CHARACTERS = 500;

/** A host with its port, written without a scheme before it. */
const HOST_FIRST = /^(?:localhost|(?:\d{1,3}\.){3}\d{1,3}|(?:[\w-]{1,63}\.)+[a-z]{2,63})(?::\d{1,5})?\//i;
const PARTS = /^([a-z][a-z\d+.-]*:)?(\/\/[^/?#]*)?(.*)$/is;
/** What begins like a path, or names a file: other words are no address ("none", "N/A"). */
const PATH = /^\.{0,2}\/|\.[a-z\d]{2,5}(?:[?#]|$)/i;

/**
 * The absolute http(s) address that Akool means, in the characters of RFC 3986; null when there is no way to
 * read one. File names of users are seen in these addresses, so blanks and the like are encoded rather than
 * refused; an address without a scheme or host is completed from the API's own.
 *
 * @param baseUrl the address that Akool is called at
 */
export function readProviderUrl(said: string, baseUrl: string): string | null {
  const text = said.trim();
  // Of half a surrogate pair nobody knows the character that it stood for.
  if (text.length > MAX_PROVIDER_URL_CHARACTERS || /\p{Cs}/u.test(text)) return null;
  const absolute = isHttpUrl(text) ? text : mended(text, baseUrl);
  const uri = absolute === null ? null : toUri(absolute);
  return uri !== null && uri.length <= MAX_PROVIDER_URL_CHARACTERS ? uri : null;
}

/**
 * Whether an absolute address is of the kind at which Akool hands out results: https; or, http too and on any
 * port, one on the host that Akool is called at, which is how a sandbox on this machine hands out its own. Says
 * nothing about where the host's name leads: whoever fetches it has to look at that.
 *
 * @param baseUrl the address that Akool is called at
 */
export function isProviderResultUrl(url: string, baseUrl: string): boolean {
  if (!isHttpUrl(url)) return false;
  const { protocol, hostname, username, password } = new URL(url);
  if (username !== '' || password !== '') return false;
  if (hostname === parseUrl(baseUrl)?.hostname) return true;
  // Akool hands out names; an address by number is somebody's who wants it fetched from in here.
  return protocol === 'https:' && isIP(hostname.replace(/^\[|\]$/g, '')) === 0;
}

/**
 * What Akool gave as an address, for the log. Without its query, which may be a permission to fetch the picture,
 * without a user's name, and of a `data:` address without the data, which is the picture itself. The `_id`
 * logged beside it is enough to ask Akool for the rest.
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
  // The URL parser would drop line breaks and turn backslashes round, silently.
  const encoded = rest.replace(/[\s\p{C}\\]/gu, encodeURIComponent);
  const url = parseUrl(scheme + authority + encoded, scheme === '' ? `${baseUrl}/` : undefined);
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : null;
}
