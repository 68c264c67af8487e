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
  readonly #own: URL;
  readonly #path: string;

  /** @param base the URL of the gateway as callers and Akool know it, without a trailing slash */
  constructor(base: string) {
    this.#base = base;
    this.#own = new URL(base);
    this.#path = (decoded(this.#own.pathname.replace(/\/$/, '')) ?? '') + PATH;
  }

  /** Known before the bytes are; so the extension is that of the announced type. */
  urlOf({ name, announced }: Pick<Upload, 'name' | 'announced'>): string {
    return `${this.#base}${PATH}/${name}.${extensionOf(announced.contentType)}`;
  }

  putUrlOf({ putToken }: Pick<Upload, 'putToken'>): string {
    return `${this.#base}${PATH}/${putToken}`;
  }

  #isOwn({ host, port, origin }: URL): boolean {
    const own = this.#own;
    if (plainHost(host) === plainHost(own.host)) return true;
    // This machine has several names.
    return port === own.port && isLocalUrl(origin) && isLocalUrl(own.origin);
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
