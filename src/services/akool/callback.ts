/**
 * Reads Akool's callbacks in three steps: verify, decrypt, parse. Pure: takes a body and the keys, returns an
 * event.
 *
 * The scheme is Akool's (docs.akool.com, "Webhook"), and weak: the signature uses no secret, and since
 * AES-CBC has no MAC, anyone who sees one body can tamper with the next. So a valid body alone is not
 * trusted: it must also arrive at a job's own unguessable URL and contain that job's own `_id`.
 */
import { createDecipheriv, createHash, timingSafeEqual } from 'node:crypto';
import type { ProviderStatus } from './akool-client.js';
import {
  isObject,
  numberOf,
  readAddress,
  readProviderId,
  readProviderStatus,
  readReason,
} from './answers.js';
import { type CallbackBody, readCallbackBody } from './callback-body.js';
import { CallbackError } from './callback-error.js';

export interface CallbackKeys {
  /** Null: unknown. Then nothing can be verified, and the first block cannot be decrypted. */
  readonly clientId: string | null;
  /** The API key. */
  readonly clientSecret: string;
}

export interface CallbackEvent {
  /** Akool's `_id`. */
  readonly providerId: string;
  readonly status: ProviderStatus;
  /** The result's URL if status is 3, exactly as Akool gave it (see `readProviderUrl`). */
  readonly url: string | null;
  /** Why it failed, if Akool says so. Our secrets are removed, but it is not yet fit to be shown. */
  readonly reason: string | null;
  /**
   * The body's own timestamp, in milliseconds since 1970. It is signed like the rest, and so just as
   * untrusted.
   */
  readonly timestamp: number;
}

type Callback =
  | { readonly kind: 'event'; readonly event: CallbackEvent }
  /** Well formed, but cannot be decrypted with these keys: shows only that Akool has news. */
  | { readonly kind: 'doorbell' };

/**
 * @param body as received
 * @throws CallbackError, whose code is for the log and never for the response
 */
export function readCallback(body: Uint8Array, keys: CallbackKeys): Callback {
  const fields = readCallbackBody(body);
  const { clientId, clientSecret } = keys;
  if (clientId) verifySignature(fields, clientId);
  const encrypted = decodeBase64(fields.dataEncrypt);
  if (encrypted.length === 0 || encrypted.length % AES_BLOCK_BYTES !== 0) throw new CallbackError('LENGTH');
  const key = Buffer.from(clientSecret, 'utf8');
  const algorithm = ALGORITHM_BY_KEY_BYTES.get(key.length);
  if (!clientId || algorithm === undefined) return { kind: 'doorbell' };
  const padded = decrypt(algorithm, key, ivOf(clientId), encrypted);
  const payload = parse(withoutPadding(padded));
  return {
    kind: 'event',
    event: { ...readEvent(payload, [clientId, clientSecret]), timestamp: Number(fields.timestamp) },
  };
}

const AES_BLOCK_BYTES = 16;
/** Akool's text pads to the key's length, its example code to the AES block; the longest key covers both. */
const MAX_PADDING_BYTES = 32;
const ALGORITHM_BY_KEY_BYTES: ReadonlyMap<number, string> = new Map([
  [16, 'aes-128-cbc'],
  [24, 'aes-192-cbc'],
  [32, 'aes-256-cbc'],
]);

/** sha1 of the four values, sorted by code unit and concatenated. */
function verifySignature({ signature, timestamp, nonce, dataEncrypt }: CallbackBody, clientId: string): void {
  // Array.prototype.sort without a comparator compares code units, as required here.
  const signed = [clientId, timestamp, nonce, dataEncrypt].sort().join('');
  const expected = createHash('sha1').update(signed, 'utf8').digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) throw new CallbackError('SIGNATURE');
}

/** Strict: Node's decoder skips invalid characters, so its output must encode to the same text. */
function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new CallbackError('BASE64');
  return bytes;
}

/** The first 16 bytes of the client id, zero-padded. */
function ivOf(clientId: string): Buffer {
  const iv = Buffer.alloc(AES_BLOCK_BYTES);
  Buffer.from(clientId, 'utf8').copy(iv);
  return iv;
}

function decrypt(algorithm: string, key: Buffer, iv: Buffer, encrypted: Buffer): Buffer {
  try {
    // OpenSSL removes at most one block of padding, but Akool may add more (see withoutPadding).
    const decipher = createDecipheriv(algorithm, key, iv).setAutoPadding(false);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  } catch {
    throw new CallbackError('DECRYPT');
  }
}

/** Removes 1 to 32 equal bytes. Always checks all 32, so that its timing does not reveal where it failed. */
function withoutPadding(padded: Buffer): Buffer {
  const count = padded.at(-1) ?? 0;
  let wrong = Number(count < 1) | Number(count > MAX_PADDING_BYTES) | Number(count > padded.length);
  for (let i = 1; i <= Math.min(MAX_PADDING_BYTES, padded.length); i++) {
    wrong |= Number(i <= count) & Number(padded.at(-i) !== count);
  }
  if (wrong !== 0) throw new CallbackError('PADDING');
  return padded.subarray(0, padded.length - count);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Drop the parser's error, because it quotes the text.
    throw new CallbackError('JSON');
  }
}

function readEvent(payload: unknown, secrets: readonly string[]): Omit<CallbackEvent, 'timestamp'> {
  if (!isObject(payload)) throw new CallbackError('PAYLOAD');
  const providerId = readProviderId(payload['_id']);
  const status = readProviderStatus(numberOf(payload['status']));
  if (providerId === null || status === null) throw new CallbackError('PAYLOAD');
  return { providerId, status, url: readAddress(payload['url']), reason: readReason(payload, secrets) };
}
