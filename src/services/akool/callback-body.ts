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

/** In bytes or characters. Akool's bodies have fewer than a thousand. */
export const MAX_CALLBACK_BYTES = 64 * 1024;

/**
 * Reads a raw body (bytes or text) or a parsed one.
 *
 * Prefer the raw body: Akool signs the digits it sends, and JSON.parse loses them if they are not the shortest
 * form (`1710757981609.0`) or exceed the precision of a double.
 *
 * @throws CallbackError BODY_SHAPE
 */
export function readCallbackBody(body: unknown): CallbackBody {
  const fields = typeof body === 'string' || body instanceof Uint8Array ? parseKeepingDigits(body) : body;
  if (!isObject(fields)) throw new CallbackError('BODY_SHAPE');
  const signature = fields['signature'];
  const dataEncrypt = fields['dataEncrypt'];
  const timestamp = digitsOf(fields['timestamp']);
  const nonce = typeof fields['nonce'] === 'string' ? fields['nonce'] : digitsOf(fields['nonce']);
  if (typeof signature !== 'string' || !/^[0-9a-f]{40}$/i.test(signature))
    throw new CallbackError('BODY_SHAPE');
  if (typeof dataEncrypt !== 'string' || dataEncrypt.length > MAX_CALLBACK_BYTES)
    throw new CallbackError('BODY_SHAPE');
  if (timestamp === null || nonce === null || nonce.length > MAX_CALLBACK_BYTES)
    throw new CallbackError('BODY_SHAPE');
  return { signature: signature.toLowerCase(), dataEncrypt, timestamp, nonce };
}

function digitsOf(value: unknown): string | null {
  if (!(value instanceof LosslessNumber || typeof value === 'number')) return null;
  const text = value instanceof LosslessNumber ? value.value : String(value);
  return Number.isFinite(Number(text)) ? text : null;
}

function parseKeepingDigits(raw: string | Uint8Array): unknown {
  if (raw.length > MAX_CALLBACK_BYTES) throw new CallbackError('BODY_SHAPE');
  try {
    return parse(typeof raw === 'string' ? raw : utf8.decode(raw));
  } catch {
    throw new CallbackError('BODY_SHAPE');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
