/** Decompresses bodies. */
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, type ZlibOptions } from 'node:zlib';
import { RefusedBody } from './body.js';
import { REFUSALS } from './refusals.js';

/** By `Content-Encoding` (RFC 9110, section 8.4.1). */
const DECODERS: ReadonlyMap<string, (bytes: Buffer, options: ZlibOptions) => Promise<Buffer>> = new Map([
  ['gzip', promisify<Buffer, ZlibOptions, Buffer>(gunzip)],
  ['x-gzip', promisify<Buffer, ZlibOptions, Buffer>(gunzip)],
  ['deflate', promisify<Buffer, ZlibOptions, Buffer>(inflate)],
  ['br', promisify<Buffer, ZlibOptions, Buffer>(brotliDecompress)],
]);

export function isCompressed(encoding: string | undefined): encoding is string {
  return encoding !== undefined && !/^\s*(?:identity\s*)?$/i.test(encoding);
}

/**
 * Returns the plain bytes of a compressed body.
 *
 * @param encoding its `Content-Encoding`
 * @param maxBytes of the plain bytes
 * @throws RefusedBody 413 if there are more, 415 for another encoding, 400 if it is broken
 */
export async function inflated(bytes: Buffer, encoding: string, maxBytes: number): Promise<Buffer> {
  const name = encoding.trim().toLowerCase();
  const decode = DECODERS.get(name);
  if (decode === undefined) {
    throw new RefusedBody(...REFUSALS.ENCODING);
  }
  try {
    return await decode(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const isTooLong = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLong ? new RefusedBody(413) : new RefusedBody(400, `The body is not valid ${name}.`);
  }
}
