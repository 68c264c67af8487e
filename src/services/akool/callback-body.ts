/** The outer body of a callback: `{signature, dataEncrypt, timestamp, nonce}`. */
import { LosslessNumber, parse } from 'lossless-json';
import { isObject } from './answers.js';
import { CallbackError } from './callback-error.js';

/** The four values, as the strings that are signed. */
export interface CallbackBody {
  /** sha1 in lowercase hex. */
  readonly signature: string;
  /** Base64, not yet checked. */
  readonly dataEncrypt: string;
  readonly timestamp: string;
  readonly nonce: string;
}

/** In bytes. Akool's bodies have fewer than a thousand. */
export const MAX_CALLBACK_BYTES = 64 * 1024;

/**
 * Keeps the digits of numbers: Akool signs the ones it sends, and JSON.parse loses them if they are not the shortest
 * form (`1710757981609.0`) or exceed the precision of a double.
 *
 * @param body as received
 * @throws CallbackError BODY_SHAPE
 */
export function readCallbackBody(body: Uint8Array): CallbackBody {
  const fields = parseKeepingDigits(body);
  if (!isObject(fields)) throw new CallbackError('BODY_SHAPE');
  const signature = fields['signature'];
  const dataEncrypt = fields['dataEncrypt'];
  const timestamp = digitsOf(fields['timestamp']);
  const nonce = typeof fields['nonce'] === 'string' ? fields['nonce'] : digitsOf(fields['nonce']);
  if (typeof signature !== 'string' || !/^[0-9a-f]{40}$/i.test(signature))
    throw new CallbackError('BODY_SHAPE');
  if (typeof dataEncrypt !== 'string' || timestamp === null || nonce === null)
    throw new CallbackError('BODY_SHAPE');
  return { signature: signature.toLowerCase(), dataEncrypt, timestamp, nonce };
}

/** Numbers may also come as text. */
function digitsOf(value: unknown): string | null {
  if (typeof value === 'string') return /^\d{1,20}(?:\.\d{1,20})?$/.test(value) ? value : null;
  return value instanceof LosslessNumber && Number.isFinite(Number(value.value)) ? value.value : null;
}

function parseKeepingDigits(raw: Uint8Array): unknown {
  if (raw.length > MAX_CALLBACK_BYTES) throw new CallbackError('BODY_SHAPE');
  try {
    return parse(utf8.decode(raw));
  } catch {
    throw new CallbackError('BODY_SHAPE');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
