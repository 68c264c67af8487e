/**
 * The permission to send the bytes of an upload: 192 random bits, and when it ends. So a sender who comes too late is
 * told that, even if the record is gone.
 */
import { randomBytes } from 'node:crypto';

const RANDOM_BYTES = 24;
const RANDOM_CHARACTERS = (RANDOM_BYTES * 4) / 3;
const RADIX = 36;

export function newPutToken(endsAt: number): string {
  return randomBytes(RANDOM_BYTES).toString('base64url') + endsAt.toString(RADIX);
}

export function hasEnded(putToken: string, now: number): boolean {
  return /^[\w-]{33,48}$/.test(putToken) && Number.parseInt(putToken.slice(RANDOM_CHARACTERS), RADIX) <= now;
}
