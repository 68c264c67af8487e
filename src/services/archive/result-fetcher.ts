/**
 * Fetching a result from an address that a provider named, without letting that address read this network.
 *
 * Only https, only public addresses: the name is looked up once, by the connection itself, and what it
 * resolves to is what is checked and connected to, so it can't change in between. Redirects are followed by
 * hand under the same rule. The one exception is the host and port that Akool itself is called at.
 */
import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import ipaddr from 'ipaddr.js';
import { Agent, request } from 'undici';
import { parseUrl } from '../../http-url.js';

export interface FetchedResult {
  readonly body: Readable;
  /** As the server says, in bytes; null when it does not. */
  readonly contentLength: number | null;
}

export class ResultFetchError extends Error {
  override readonly name = 'ResultFetchError';
  /**
   * - FORBIDDEN_ADDRESS: not public, or not https
   * - HTTP_STATUS: the server did not give it
   * - TOO_MANY_REDIRECTS
   */
  readonly code: 'FORBIDDEN_ADDRESS' | 'HTTP_STATUS' | 'TOO_MANY_REDIRECTS';

  constructor(code: ResultFetchError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const MOST_REDIRECTS = 5;
const CONNECT_TIMEOUT_MS = 10_000;
/** Between two pieces of the answer. */
const SILENCE_MS = 30_000;

export class ResultFetcher {
  readonly #trustedOrigin: string;
  readonly #public: Agent;
  readonly #trusted: Agent;

  /** @param trustedUrl `AKOOL_BASE_URL`: results may lie there, whatever its address. */
  constructor(trustedUrl: string) {
    this.#trustedOrigin = new URL(trustedUrl).origin;
    const options = { headersTimeout: SILENCE_MS, bodyTimeout: SILENCE_MS };
    this.#public = new Agent({ ...options, connect: { timeout: CONNECT_TIMEOUT_MS, lookup: publicOnly } });
    this.#trusted = new Agent({ ...options, connect: { timeout: CONNECT_TIMEOUT_MS } });
  }

  /** @throws ResultFetchError, and what undici throws when the connection fails */
  async fetch(address: string, signal: AbortSignal): Promise<FetchedResult> {
    let url = new URL(address);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const { statusCode, headers, body } = await request(url, { dispatcher: this.#agentFor(url), signal });
      if (statusCode === 200) {
        const length = Number(headers['content-length']);
        return { body, contentLength: Number.isSafeInteger(length) ? length : null };
      }
      // An unread body would keep its connection; what it holds is of no use.
      body.on('error', () => {}).destroy();
      const { location } = headers;
      const isRedirect = statusCode >= 300 && statusCode <= 399 && typeof location === 'string';
      const next = isRedirect ? parseUrl(location, url.href) : null;
      if (next === null) {
        throw new ResultFetchError('HTTP_STATUS', `the result's server answered ${statusCode}`);
      }
      url = next;
    }
    throw new ResultFetchError('TOO_MANY_REDIRECTS', `more than ${MOST_REDIRECTS} redirects`);
  }

  async close(): Promise<void> {
    await Promise.all([this.#public.destroy(), this.#trusted.destroy()]);
  }

  #agentFor(url: URL): Agent {
    if (url.origin === this.#trustedOrigin) return this.#trusted;
    if (url.protocol !== 'https:') throw forbidden('not https');
    // An address written as a number is never looked up, so it is checked here.
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (ipaddr.isValid(host) && !isPublic(host)) throw forbidden('not a public address');
    return this.#public;
  }
}

/** Whether an IP address is one of the public internet. */
export function isPublic(address: string): boolean {
  // `process` also takes IPv4 out of IPv4-mapped IPv6.
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  // Outside of 2000::/3 "unicast" is whatever has no name, like the IPv4-compatible `::127.0.0.1`.
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST);
}

/** RFC 4291, section 2.5.4: all that is given out of global IPv6 addresses. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Looks a name up and refuses it if any of its addresses is not public. */
const publicOnly: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return callback(error, '', 0);
    const [first] = addresses;
    if (first === undefined || !addresses.every(({ address }) => isPublic(address))) {
      return callback(forbidden('the name does not lead to a public address'), '', 0);
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function forbidden(why: string): ResultFetchError {
  return new ResultFetchError('FORBIDDEN_ADDRESS', `the result's address is refused: ${why}`);
}
