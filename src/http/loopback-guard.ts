/**
 * Protects an open gateway on a loopback address from web pages in a local browser. Their requests come from this
 * machine, so the client's address proves nothing:
 * - a page of any site may open a WebSocket, because CORS does not apply; the request has an `Origin`;
 * - a site may resolve its own name to 127.0.0.1 (DNS rebinding) and be same-origin; the request has its `Host`.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isLoopback } from '../config/config.js';
import { parseUrl } from '../http-url.js';
import { sendRefusal } from './http-errors.js';

export interface ThisMachine {
  /** A tunnel or proxy forwards this host. */
  readonly publicUrl: string | null;
  readonly corsOrigins: readonly string[];
}

/** Paths with their own protection, or nothing to protect. */
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
  // An IP address can't be rebound.
  if (!isOwn(hostUrl) && isIP(hostnameOf(hostUrl)) === 0) return false;
  return origin === undefined || corsOrigins.includes('*') || corsOrigins.includes(origin) || isOwn(origin);
}

/** Returns the host name, empty if there is none; IPv6 without brackets. */
function hostnameOf(url: string): string {
  return parseUrl(url)?.hostname.replace(/^\[|\]$/g, '') ?? '';
}
