/**
 * Akool's webhook, read in three steps: verify, decrypt, parse. Pure: a body and the keys in, an event out.
 *
 * The scheme is Akool's (docs.akool.com, "Webhook"). What it is worth: the signature is made without a secret,
 * and AES-CBC without a MAC can be bent by whoever sees one body. So a body that reads well is not yet to be
 * believed: it has to arrive at a job's own unguessable address and carry that job's own `_id`.
 */
import { createDecipheriv, createHash, timingSafeEqual } from 'node:crypto';
import type { ProviderStatus } from './akool-client.js';
import { isObject, readAddress, readProviderId, readProviderStatus, readReason } from './answers.js';
import { readWebhookBody, type WebhookBody } from './webhook-body.js';
import { WebhookError } from './webhook-error.js';

export interface WebhookKeys {
  /** Null: not known. Then nothing can be verified, and the first block cannot be read. */
  readonly clientId: string | null;
  /** The API key. */
  readonly clientSecret: string;
}

export interface WebhookEvent {
  /** Akool's `_id`. */
  readonly providerId: string;
  readonly status: ProviderStatus;
  /** The result, when status is 3. As Akool gave it: see `readProviderUrl`. */
  readonly url: string | null;
  /** Why it failed, where Akool says so: without our secrets, but not yet fit to be shown. */
  readonly reason: string | null;
  /** The body's own, milliseconds since the epoch: signed like the rest, and so worth as little. */
  readonly timestamp: number;
}

export type Webhook =
  | { readonly kind: 'event'; readonly event: WebhookEvent }
  /** Well formed, but not to be read with these keys: tells only that there is something to ask Akool about. */
  | { readonly kind: 'doorbell' };

/**
 * @param body as it arrived (bytes or text), or parsed; see `readWebhookBody` why the former is better
 * @throws WebhookError, whose code is for the log and never for the answer
 */
export function readWebhook(body: unknown, keys: WebhookKeys): Webhook {
  const fields = readWebhookBody(body);
  const { clientId, clientSecret } = keys;
  if (clientId) verifySignature(fields, clientId);
  const encrypted = decodeBase64(fields.dataEncrypt);
  if (encrypted.length === 0 || encrypted.length % AES_BLOCK_BYTES !== 0) throw new WebhookError('LENGTH');
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
/** Akool's text pads to the key's length, its example code to the AES block: the longest key bounds both. */
const MAX_PADDING_BYTES = 32;
const ALGORITHM_BY_KEY_BYTES: ReadonlyMap<number, string> = new Map([
  [16, 'aes-128-cbc'],
  [24, 'aes-192-cbc'],
  [32, 'aes-256-cbc'],
]);

/** sha1 of the four values, sorted by code unit and joined with nothing between. */
function verifySignature({ signature, timestamp, nonce, dataEncrypt }: WebhookBody, clientId: string): void {
  // Array.prototype.sort without a comparator compares code units, which is what is wanted here.
  const signed = [clientId, timestamp, nonce, dataEncrypt].sort().join('');
  const expected = createHash('sha1').update(signed, 'utf8').digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) throw new WebhookError('SIGNATURE');
}

/** Strict: Node's own decoder skips what it does not know, so what it gives has to encode to the same text. */
function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new WebhookError('BASE64');
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
    // OpenSSL takes off one block's padding at most, and Akool may pad by more: see withoutPadding.
    const decipher = createDecipheriv(algorithm, key, iv).setAutoPadding(false);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  } catch {
    throw new WebhookError('DECRYPT');
  }
}

/** Takes off 1 to 32 equal bytes. Looks at all 32 whatever it finds, so its time does not tell where it failed. */
function withoutPadding(padded: Buffer): Buffer {
  const count = padded.at(-1) ?? 0;
  let wrong = Number(count < 1) | Number(count > MAX_PADDING_BYTES) | Number(count > padded.length);
  for (let i = 1; i <= Math.min(MAX_PADDING_BYTES, padded.length); i++) {
    wrong |= Number(i <= count) & Number(padded.at(-i) !== count);
  }
  if (wrong !== 0) throw new WebhookError('PADDING');
  return padded.subarray(0, padded.length - count);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // The parser's error quotes the text, and is dropped for it.
    throw new WebhookError('JSON');
  }
}

function readEvent(payload: unknown, secrets: readonly string[]): Omit<WebhookEvent, 'timestamp'> {
  if (!isObject(payload)) throw new WebhookError('PAYLOAD');
  const providerId = readProviderId(payload['_id']);
  const status = readProviderStatus(payload['status']);
  if (providerId === null || status === null) throw new WebhookError('PAYLOAD');
  return { providerId, status, url: readAddress(payload['url']), reason: readReason(payload, secrets) };
}
