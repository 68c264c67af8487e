/**
 * Downloads a result from a URL that a provider gave, without giving that URL access to this network.
 *
 * Only https and only public addresses are allowed. The connection itself resolves the name once, and checks
 * and uses the same address, so the address can't change in between. Redirects are followed here, under the
 * same rule. The only exception is the host and port of Akool's API.
 */
import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import ipaddr from 'ipaddr.js';
import { type Dispatcher, request } from 'undici';
import { hostnameOf, parseUrl } from '../../http-url.js';
import { NO_PROXIES, Outgoing } from '../../outgoing.js';
import { USER_AGENT } from '../../user-agent.js';

interface FetchedResult {
  readonly body: Readable;
  /** As stated by the server, in bytes; null if it states none. */
  readonly contentLength: number | null;
}

export class ResultFetchError extends Error {
  override readonly name = 'ResultFetchError';
  /**
   * - FORBIDDEN_ADDRESS: not public, or not https
   * - HTTP_STATUS: the server did not return it
   * - TOO_MANY_REDIRECTS
   */
  readonly code: 'FORBIDDEN_ADDRESS' | 'HTTP_STATUS' | 'TOO_MANY_REDIRECTS';

  constructor(code: ResultFetchError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const MAX_REDIRECTS = 5;
const CONNECT_TIMEOUT_MS = 10_000;
/** Timeout between two chunks of the response. */
const SILENCE_MS = 30_000;

export class ResultFetcher {
  readonly #trustedOrigin: string;
  readonly #public: Outgoing;
  readonly #trusted: Outgoing;

  /** @param trustedUrl `AKOOL_BASE_URL`: results may be there, whatever its address */
  constructor(trustedUrl: string, proxies = NO_PROXIES) {
    this.#trustedOrigin = new URL(trustedUrl).origin;
    const options = {
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
    };
    this.#public = new Outgoing(proxies, { ...options, lookup: publicOnly });
    this.#trusted = new Outgoing(proxies, options);
  }

  /** @throws ResultFetchError, and undici's errors if the connection fails */
  async fetch(address: string, signal: AbortSignal): Promise<FetchedResult> {
    let url = new URL(address);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const { statusCode, headers, body } = await request(url, {
        dispatcher: this.#guardedWayTo(url),
        headers: { 'user-agent': USER_AGENT },
        signal,
      });
      if (statusCode === 200) {
        const length = Number(headers['content-length']);
        return { body, contentLength: Number.isSafeInteger(length) ? length : null };
      }
      // An unread body would keep its connection open, and this one is not needed.
      body.on('error', () => {}).destroy();
      const { location } = headers;
      const isRedirect = statusCode >= 300 && statusCode <= 399 && typeof location === 'string';
      const next = isRedirect ? parseUrl(location, url.href) : null;
      if (next === null) {
        throw new ResultFetchError('HTTP_STATUS', `the result's server answered ${statusCode}`);
      }
      url = next;
    }
    throw new ResultFetchError('TOO_MANY_REDIRECTS', `more than ${MAX_REDIRECTS} redirects`);
  }

  async close(): Promise<void> {
    await Promise.all([this.#public.destroy(), this.#trusted.destroy()]);
  }

  #guardedWayTo(url: URL): Dispatcher {
    if (url.origin === this.#trustedOrigin) return this.#trusted.to(url);
    if (url.protocol !== 'https:') throw forbidden('not https');
    // An IP address is never resolved, and a proxy resolves names itself, so what the URL shows is checked here.
    const host = hostnameOf(url.href);
    if (ipaddr.isValid(host) ? !isPublic(host) : isLocalName(host)) throw forbidden('not a public address');
    return this.#public.to(url);
  }
}

/** Whether an IP address is on the public internet. */
export function isPublic(address: string): boolean {
  // `process` also unwraps IPv4-mapped IPv6 addresses.
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  // Outside 2000::/3, "unicast" is everything without a name, such as the IPv4-compatible `::127.0.0.1`.
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST);
}

/** Whether a host name means something only within a network: one label, or a name reserved for that. */
function isLocalName(host: string): boolean {
  const name = host.replace(/\.$/, '');
  return !name.includes('.') || RESERVED.test(name);
}

/** RFC 6761 and 6762, RFC 8375, and ICANN's resolution 2024.07.29.06. */
const RESERVED = /\.(?:localhost|local|internal|home\.arpa)$/;

/** RFC 4291, section 2.5.4: all global IPv6 addresses assigned so far. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Resolves a name and refuses it if any of its addresses is not public. */
const publicOnly: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return callback(error, '', 0);
    const [first] = addresses;
    if (first === undefined || !addresses.every(({ address }) => isPublic(address))) {
      return callback(forbidden('the name does not resolve to a public address'), '', 0);
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function forbidden(why: string): ResultFetchError {
  return new ResultFetchError('FORBIDDEN_ADDRESS', `the result's address is refused: ${why}`);
}
