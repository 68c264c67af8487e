/**
 * The uploads of one gateway: the only pictures that the sandbox downloads.
 *
 * A URL in a submit decides nothing but the name of an upload. Where that is fetched is set by whoever runs the sandbox,
 * so a submit can't make the sandbox call any other server, path or query. Redirects are not followed.
 */
import { Client, type Dispatcher } from 'undici';

/** The gateway whose uploads may be fetched. */
export interface UploadsGateway {
  /** The base URL from which they are fetched. */
  readonly url: string;
  /** The base URL that the addresses of uploads begin with, if it is another one. */
  readonly publicUrl?: string | null;
}

/** More than the gateway takes as a picture, unless it is configured to. */
const MAX_BYTES = 32 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
/** Its name is random; the rest tells its type. */
const NAME = /^[\w-]{1,128}(\.[a-z0-9]{1,5})?$/;
const PICTURE = /^(\x89PNG\r\n|\xff\xd8\xff|RIFF[\s\S]{4}WEBP)/;

export class Uploads {
  #gateway: UploadsGateway | null;

  constructor(gateway: UploadsGateway | null) {
    this.#gateway = gateway;
  }

  fetchFrom(gateway: UploadsGateway): void {
    this.#gateway = gateway;
  }

  /** Whether this is the address of an upload, though perhaps of one that does not exist. */
  has(url: string): boolean {
    return this.#nameAt(url) !== null;
  }

  /** Returns a JPEG, PNG or WebP. @throws Error if there is none, or if it is too large or takes too long */
  async fetch(url: string, signal: AbortSignal): Promise<Buffer> {
    const name = this.#nameAt(url);
    if (this.#gateway === null || name === null) throw new Error('not an upload of the gateway');
    const { origin, pathname } = new URL(this.#gateway.url);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const client = new Client(origin);
    try {
      const path = `${withoutSlash(pathname)}/uploads/${name}`;
      const bytes = await bytesOf(await client.request({ method: 'GET', path, signal: limit }));
      if (!PICTURE.test(bytes.toString('latin1', 0, 12))) throw new Error('not a picture');
      return bytes;
    } finally {
      await client.destroy();
    }
  }

  #nameAt(url: string): string | null {
    const { url: base, publicUrl } = this.#gateway ?? {};
    const { origin, username, password, pathname } = new URL(url);
    const asked = decoded(pathname);
    if (username !== '' || password !== '' || asked === null) return null;
    for (const known of [base, publicUrl]) {
      const place = known == null ? null : new URL(known);
      const path = `${withoutSlash(decoded(place?.pathname ?? '') ?? '')}/uploads/`;
      if (origin !== place?.origin || !asked.startsWith(path)) continue;
      const name = asked.slice(path.length);
      return NAME.test(name) ? name : null;
    }
    return null;
  }
}

async function bytesOf({ statusCode, body }: Dispatcher.ResponseData): Promise<Buffer> {
  // What nobody reads is cut off, which is no error here.
  body.on('error', () => {});
  if (statusCode !== 200) throw new Error(`the gateway answered ${statusCode}`);
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}

/** Returns null if the encoding is broken. */
function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

function withoutSlash(path: string): string {
  return path.replace(/\/$/, '');
}
