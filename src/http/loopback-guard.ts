/**
 * Protects an open gateway on a loopback address. Everything that reaches it comes from this machine, so the client's
 * address proves nothing:
 * - a page of any site may open a WebSocket, because CORS does not apply; the request has an `Origin`;
 * - a site may resolve its own name to 127.0.0.1 (DNS rebinding) and be same-origin; the request has its `Host`;
 * - a tunnel for Akool's callbacks forwards requests from everywhere; they have the `Host` of `PUBLIC_URL`, or
 *   `X-Forwarded-For` (or `X-Real-IP`, or `Forwarded`, RFC 7239) with the address of a client elsewhere.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { matchesOrigin } from '../config/origins.js';
import { hostnameOf } from '../http-url.js';
import { isLocalHost, isLocalUrl, isLoopback } from '../loopback.js';
import { sendRefusal } from './http-errors.js';
import { REFUSALS, type Refusal } from './refusals.js';

export interface ThisMachine {
  /** A tunnel or proxy forwards this host, for callbacks, media and uploads only. */
  readonly publicUrl: string | null;
  readonly corsOrigins: readonly string[];
}

/** Addresses with their own protection, or nothing to protect. */
const FOR_ALL = /^\/(?:webhooks\/|media\/|uploads\/|healthz$|readyz$)/;

export class LoopbackGuard {
  /** Null if there is no tunnel. */
  readonly #tunnel: string | null;
  readonly #corsOrigins: readonly string[];
  readonly #log: Logger;

  constructor({ publicUrl, corsOrigins }: ThisMachine, log: Logger) {
    this.#tunnel = publicUrl === null || isLocalUrl(publicUrl) ? null : hostnameOf(publicUrl);
    this.#corsOrigins = corsOrigins;
    this.#log = log;
  }

  protect(app: FastifyInstance): void {
    app.addHook('onRequest', (request, reply, done) => {
      const refusal = FOR_ALL.test(request.url) ? null : this.#refusal(request.headers);
      if (refusal === null) done();
      else sendRefusal(reply, ...refusal);
    });
  }

  /** Whether a request with these headers may open a WebSocket. */
  allows(headers: IncomingHttpHeaders): boolean {
    return this.#refusal(headers) === null;
  }

  #refusal(headers: IncomingHttpHeaders): Refusal | null {
    const refusal = this.#judge(headers);
    if (refusal !== null) {
      const { host, origin } = headers;
      this.#log.warn({ host, origin }, refusal[1]);
    }
    return refusal;
  }

  #judge(headers: IncomingHttpHeaders): Refusal | null {
    const { host = '', origin } = headers;
    const hostname = hostnameOf(`http://${host}`);
    // A site can't make its visitors send another site's address as the host, only a name.
    const isThisMachine = isLocalHost(hostname) || isIP(hostname) !== 0;
    if (!isThisMachine || hostname === this.#tunnel) return REFUSALS.OTHER_HOST;
    if (!forwardedFor(headers).every(isLoopback)) return REFUSALS.FORWARDED;
    return origin === undefined || isLocalUrl(origin) || matchesOrigin(this.#corsOrigins, origin)
      ? null
      : REFUSALS.OTHER_ORIGIN;
  }
}

/** The clients that proxies name. Development servers name 127.0.0.1. */
function forwardedFor(headers: IncomingHttpHeaders): readonly string[] {
  const { 'x-forwarded-for': list = '', 'x-real-ip': nearest = '', forwarded = '' } = headers;
  // Most requests come directly.
  if (list === '' && nearest === '' && forwarded === '') return [];
  const named = [...forwarded.matchAll(/(?:^|[;,])\s*for="?([^;,"]*)/gi)].map(([, name = '']) => name);
  return [...String(list).split(','), String(nearest), ...named]
    .map((client) => client.trim())
    .filter((client) => client !== '')
    .map((client) => /^\[(.*)\](?::\d+)?$/.exec(client)?.[1] ?? client.replace(/^([^:]*):\d+$/, '$1'))
    .map((client) => client.replace(/^::ffff:(?=[\d.]+$)/i, ''));
}
