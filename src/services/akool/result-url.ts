/** Which addresses are fit to be taken as results from Akool. */
import { isIP } from 'node:net';
import { isHttpUrl, parseUrl } from '../../http-url.js';

/**
 * An address of the kind at which Akool hands out results: https; or, http too and on any port, one on the host
 * that Akool is called at, which is how a sandbox on this machine hands out its own. Says nothing about where
 * the host's name leads: whoever fetches it has to look at that.
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
