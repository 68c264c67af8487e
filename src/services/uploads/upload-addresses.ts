/** Where uploads are sent and served, and which addresses are theirs. */
import { parseUrl } from '../../http-url.js';
import { isLocalUrl } from '../../loopback.js';
import { extensionOf, type Upload } from './upload.js';

const PATH = '/uploads';
/** What is served below it: a name, with or without its extension. */
const SERVED = /^([\w-]+)(?:\.[a-z0-9]{2,5})?$/;
/** Proxies may see separators where the gateway sees none, and the other way round. */
const UNSURE_SEPARATORS = /%2f|\/\//i;

export class UploadAddresses {
  readonly #base: string;
  readonly #host: string;
  /** Null unless the base is an address of this machine, which has several names. */
  readonly #localPort: string | null;
  readonly #path: string;

  /** @param base the URL of the gateway as callers and Akool know it, without a trailing slash */
  constructor(base: string) {
    const { host, port, pathname } = new URL(base);
    this.#base = base;
    this.#host = plainHost(host);
    this.#localPort = isLocalUrl(base) ? port : null;
    this.#path = (decoded(pathname.replace(/\/$/, '')) ?? '') + PATH;
  }

  /** Known before the bytes are; so the extension is that of the announced type. */
  urlOf({ name, announced }: Pick<Upload, 'name' | 'announced'>): string {
    return `${this.#base}${PATH}/${name}.${extensionOf(announced.contentType)}`;
  }

  putUrlOf({ putToken }: Pick<Upload, 'putToken'>): string {
    return `${this.#base}${PATH}/${putToken}`;
  }

  /**
   * Returns the name of the upload that would be served at this address; empty if none can be; null if it is not an
   * address of uploads. Only host and path count: a query string does not change what is served.
   */
  nameAt(address: string): string | null {
    // Most addresses are not ours, and parsing takes long.
    if (!/uploads|%/i.test(address)) return null;
    const url = parseUrl(address);
    if (url === null || !this.#isOwn(url)) return null;
    const path = decoded(url.pathname)?.replace(/\/{2,}/g, '/');
    if (path === this.#path) return '';
    if (path?.startsWith(`${this.#path}/`) !== true) return null;
    if (UNSURE_SEPARATORS.test(url.pathname)) return '';
    return SERVED.exec(path.slice(this.#path.length + 1))?.[1] ?? '';
  }

  #isOwn({ host, port, origin }: URL): boolean {
    return plainHost(host) === this.#host || (port === this.#localPort && isLocalUrl(origin));
  }
}

/** A host with a trailing dot is the same one. */
function plainHost(host: string): string {
  return host.replace(/\.(?=:|$)/, '');
}

/** Returns null if the encoding is broken, which no server would serve. */
function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}
