/**
 * What keeps an open gateway on a loopback address to this machine, against the web pages that a browser here
 * shows. A browser sends their requests from this very machine, so the address says nothing:
 * - a page of any site may open a WebSocket to it, because no CORS stands before sockets: it has an `Origin`;
 * - a site may let its own name lead to 127.0.0.1 (DNS rebinding), and is then same-origin: it has a `Host`.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isLoopback } from '../config.js';
import { parseUrl } from '../http-url.js';
import { sendRefusal } from './http-errors.js';

export interface ThisMachine {
  /** A tunnel or a proxy hands this host on. */
  readonly publicUrl: string | null;
  readonly corsOrigins: readonly string[];
}

/** Addresses that have a guard of their own, or nothing to guard. */
const FOR_ALL = /^\/(webhooks\/|healthz$|readyz$)/;

export function onlyThisMachine(app: FastifyInstance, machine: ThisMachine): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (FOR_ALL.test(request.url) || isOfThisMachine(request.headers, machine)) done();
    else sendRefusal(reply, 403, 'This gateway serves its own machine only: see AUTH_API_KEYS and AUTH.');
  });
}

export function isOfThisMachine(
  { host = '', origin }: Pick<IncomingHttpHeaders, 'host' | 'origin'>,
  { publicUrl, corsOrigins }: ThisMachine,
): boolean {
  const isPublic = (hostname: string): boolean =>
    publicUrl !== null && hostname !== '' && hostname === hostnameOf(publicUrl);
  const isOwn = (url: string): boolean => {
    const hostname = hostnameOf(url);
    return isLoopback(hostname) || hostname.endsWith('.localhost') || isPublic(hostname);
  };
  const hostUrl = `http://${host}`;
  // An address by number can't be rebound.
  if (!isOwn(hostUrl) && isIP(hostnameOf(hostUrl)) === 0) return false;
  return origin === undefined || corsOrigins.includes('*') || corsOrigins.includes(origin) || isOwn(origin);
}

/** Empty for what has none; IPv6 without its brackets. */
function hostnameOf(url: string): string {
  return parseUrl(url)?.hostname.replace(/^\[|\]$/g, '') ?? '';
}
