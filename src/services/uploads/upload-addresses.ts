/** Where uploads are sent and served, and which addresses are theirs. */
import { parseUrl } from '../../http-url.js';
import { extensionOf, type Upload } from './upload.js';

const PATH = '/uploads';

export class UploadAddresses {
  readonly #base: string;
  readonly #host: string;
  readonly #path: string;

  /** @param base the URL of the gateway as callers and Akool know it, without a trailing slash */
  constructor(base: string) {
    const { host, pathname } = new URL(base);
    this.#base = base;
    this.#host = plainHost(host);
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
   * Returns the name that an upload at this address would have; null if it is not an address of uploads. Only host and
   * path count: a query string does not change what is served.
   */
  nameAt(address: string): string | null {
    // Most addresses are not ours, and parsing takes long.
    if (!/uploads|%/i.test(address)) return null;
    const url = parseUrl(address);
    if (url === null || plainHost(url.host) !== this.#host) return null;
    const path = decoded(url.pathname);
    if (path === this.#path) return '';
    if (path === null || !path.startsWith(`${this.#path}/`)) return null;
    const [name = ''] = path.slice(this.#path.length + 1).split('.', 1);
    return name;
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
