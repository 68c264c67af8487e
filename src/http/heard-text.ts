/**
 * Decodes the text of a body or of a socket's message. Decoding and parsing take time, so `take` is called before each
 * step to check that there is room for that many bytes; costly bytes count several times.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { GatewayError } from '../errors.js';
import { valuesIn } from './json-shape.js';

/** How much a byte counts in a text that is not ASCII. */
const NOT_ASCII_BYTES = 4;
/** How much each value counts in addition to its text: parsing it takes a third of a microsecond. */
const VALUE_BYTES = 256;
/** Ordinary requests are at most this long. */
const SHORT_BYTES = 4096;

/** @throws GatewayError RATE_LIMITED if there is no room, BAD_USER_INPUT if the text is not UTF-8, or must not be parsed */
export function heardText(data: Buffer, take: (bytes: number) => boolean): string {
  const isPlain = isAscii(data);
  const bytes = data.length * (isPlain ? 1 : NOT_ASCII_BYTES);
  // Decoding a short text takes no longer than asking twice.
  const isShort = data.length <= SHORT_BYTES;
  if (!isShort && !take(bytes)) throw tooMany();
  // Decoding would replace what is not, and send another address to Akool than the client has given.
  if (!isPlain && !isUtf8(data))
    throw new GatewayError('BAD_USER_INPUT', 'The body must be encoded as UTF-8.');
  const text = data.toString();
  const values = valuesIn(text);
  if (values === null) {
    throw new GatewayError('BAD_USER_INPUT', 'The body has too many values or nesting levels.');
  }
  if (!take(values * VALUE_BYTES + (isShort ? bytes : 0))) throw tooMany();
  return text;
}

/** There is no room for another body or message. */
export function tooMany(): GatewayError {
  return new GatewayError('RATE_LIMITED', 'Too many requests are in progress; retry later.', {
    extensions: { retryAfterSeconds: 1 },
  });
}
