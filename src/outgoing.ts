/**
 * Connections to other servers: direct, or through the proxies of HTTP_PROXY and HTTPS_PROXY.
 *
 * A proxy is asked for a tunnel (CONNECT, RFC 9110, section 9.3.6), for http: URLs too. So it sees only the host and
 * port, TLS is verified end to end, and a request is not begun before there is a tunnel: if there is none, nothing was
 * sent.
 */
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';
import { isLocalUrl } from './loopback.js';

export interface Proxies {
  /** The proxy for http: URLs; null: none. May contain a password. */
  readonly http: string | null;
  /** The same for https: URLs. */
  readonly https: string | null;
  /** `NO_PROXY`: host names, each with or without a port, that are connected to directly; `*`: all. */
  readonly exceptions: string;
}

export const NO_PROXIES: Proxies = { http: null, https: null, exceptions: '' };

/** Returns the host and port of each proxy, to be logged. */
export function proxyHosts({ http, https }: Proxies): { readonly http?: string; readonly https?: string } {
  return { ...(http && { http: new URL(http).host }), ...(https && { https: new URL(https).host }) };
}

/** undici's other options apply to direct connections and to those through a tunnel. */
interface OutgoingOptions extends Omit<Agent.Options, 'connect' | 'connectTimeout' | 'factory'> {
  /** For each of TCP, TLS and the proxy's answer, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Resolves the hosts of direct connections. Behind a proxy, the proxy does. */
  readonly lookup?: LookupFunction;
}

/** There is no tunnel, so nothing was sent. The message contains no URL. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code = 'PROXY_FAILED';
}

export class Outgoing {
  readonly #proxies: Proxies;
  readonly #direct: Agent;
  /** Null without proxies. */
  readonly #proxied: EnvHttpProxyAgent | null;

  constructor(proxies: Proxies, { connectTimeoutMs: timeout, lookup, ...others }: OutgoingOptions) {
    const options = { ...others, connect: { timeout, ...(lookup && { lookup }) } };
    const { http, https, exceptions } = proxies;
    this.#proxies = proxies;
    this.#direct = new Agent(options);
    this.#proxied =
      http === null && https === null
        ? null
        : new EnvHttpProxyAgent({
            ...options,
            // Where these are undefined, undici reads the environment.
            httpProxy: http ?? '',
            httpsProxy: https ?? '',
            noProxy: exceptions,
            proxyTls: { timeout },
            requestTls: { timeout },
            clientFactory: (proxy, own) => tunnels(new Pool(proxy, { ...own, headersTimeout: timeout })),
          });
  }

  /** Returns the dispatcher for requests to the host of `url`. This machine is always connected to directly. */
  to(url: URL): Dispatcher {
    const proxy = url.protocol === 'https:' ? this.#proxies.https : this.#proxies.http;
    // Without a proxy of its own, undici would send https: through the other one.
    return proxy === null || this.#proxied === null || isLocalUrl(url.href) ? this.#direct : this.#proxied;
  }

  /** Cuts all connections. Safe to call twice. */
  async destroy(): Promise<void> {
    await Promise.all([this.#direct.destroy(), this.#proxied?.destroy()]);
  }
}

type Connect = (options: Dispatcher.ConnectOptions) => Promise<Dispatcher.ConnectData>;

/**
 * Makes every failure of a CONNECT final. undici would connect again and again, without a pause, to a proxy that hangs
 * up.
 */
function tunnels(proxy: Pool): Dispatcher {
  const open: Connect = proxy.connect.bind(proxy);
  const connect: Connect = async (options) => {
    const tunnel = await open(options).catch((cause: unknown) => {
      throw new ProxyError(`the proxy can't be used${codeIn(cause)}`, { cause });
    });
    if (tunnel.statusCode === 200) return tunnel;
    tunnel.socket.on('error', () => {}).destroy();
    throw new ProxyError(`the proxy answered ${tunnel.statusCode}`);
  };
  return Object.assign(proxy, { connect });
}

function codeIn(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? ` (${error.code})`
    : '';
}
