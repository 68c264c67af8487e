/** Which addresses are this machine's own. */
import { isIP } from 'node:net';
import { hostnameOf } from './http-url.js';

/** Whether only this machine can reach a server that listens on `address`. */
export function isLoopback(address: string): boolean {
  return (
    address.toLowerCase() === 'localhost' ||
    address === '::1' ||
    (isIP(address) === 4 && address.startsWith('127.'))
  );
}

/** Whether the host of this URL is this machine. */
export function isLocalUrl(url: string): boolean {
  return isLocalHost(hostnameOf(url));
}

/** Whether this host name leads to this machine. */
export function isLocalHost(hostname: string): boolean {
  return isLoopback(hostname) || hostname.endsWith('.localhost');
}
