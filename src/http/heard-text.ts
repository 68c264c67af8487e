/**
 * The text of a body, or of a socket's message. Reading it is work, so it is weighed before each step, as bytes of plain
 * text that take as long: `take` says whether there is room for so many.
 */
import { isAscii } from 'node:buffer';
import { GatewayError } from '../errors.js';
import { valuesIn } from './json-shape.js';

/** What a byte of any other text counts. */
const NOT_ASCII_BYTES = 4;
/** What each value counts beside its text: to parse it takes a third of a microsecond. */
const VALUE_BYTES = 256;
/** An ordinary request has no more. */
const SHORT_BYTES = 4096;

/** @throws GatewayError RATE_LIMITED when there is no room, BAD_USER_INPUT for what may not be parsed */
export function heardText(data: Buffer, take: (bytes: number) => boolean): string {
  const bytes = data.length * (isAscii(data) ? 1 : NOT_ASCII_BYTES);
  // To look into a short one takes no longer than to weigh it twice.
  const isShort = data.length <= SHORT_BYTES;
  if (!isShort && !take(bytes)) throw tooMany();
  const text = data.toString();
  const values = valuesIn(text);
  if (values === null) {
    throw new GatewayError('BAD_USER_INPUT', 'The body has too many values, or too many levels of them.');
  }
  if (!take(values * VALUE_BYTES + (isShort ? bytes : 0))) throw tooMany();
  return text;
}

/** There is no room for another body, or message of a socket. */
export function tooMany(): GatewayError {
  return new GatewayError('RATE_LIMITED', 'Too many requests are under way; send this one again later.', {
    extensions: { retryAfterSeconds: 1 },
  });
}
