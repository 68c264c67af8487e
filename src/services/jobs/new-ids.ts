/**
 * The id and the callback token of a new job. Both begin with the time, so that those of jobs stored together are
 * neighbours in an index. Random ones would each change a different page of the database, and all of these are written.
 */
import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

/** 192 bits can't be guessed. */
const SECRET_BYTES = 24;
const RADIX = 36;

/** A UUID of version 7 (RFC 9562, section 5.7). */
export function newJobId(at: number): string {
  return v7({ msecs: at });
}

export function newCallbackToken(at: number): string {
  return at.toString(RADIX) + randomBytes(SECRET_BYTES).toString('base64url');
}
