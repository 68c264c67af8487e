/** The outer body of a webhook: `{signature, dataEncrypt, timestamp, nonce}`. */
import { isObject } from './answers.js';
import { WebhookError } from './webhook-error.js';

/** The four values as the strings that the signature is made of. */
export interface WebhookBody {
  /** sha1 in hex, lower case. */
  readonly signature: string;
  /** Base64, not yet checked. */
  readonly dataEncrypt: string;
  readonly timestamp: string;
  readonly nonce: string;
}

/** Bytes, or characters. Akool's bodies are under a thousand. */
const MAX_WEBHOOK_BYTES = 64 * 1024;

/**
 * Reads a body as it arrived (bytes or text), or one that was parsed already.
 *
 * As it arrived is better: Akool signs the digits that it sends, and a parsed number has lost them where they
 * were not the shortest form (`1710757981609.0`) or more than a double holds.
 *
 * @throws WebhookError BODY_SHAPE
 */
export function readWebhookBody(body: unknown): WebhookBody {
  const fields = typeof body === 'string' || body instanceof Uint8Array ? parseKeepingDigits(body) : body;
  if (!isObject(fields)) throw new WebhookError('BODY_SHAPE');
  const signature = fields['signature'];
  const dataEncrypt = fields['dataEncrypt'];
  const timestamp = digitsOf(fields['timestamp']);
  const nonce = typeof fields['nonce'] === 'string' ? fields['nonce'] : digitsOf(fields['nonce']);
  if (typeof signature !== 'string' || !/^[0-9a-f]{40}$/i.test(signature))
    throw new WebhookError('BODY_SHAPE');
  if (typeof dataEncrypt !== 'string' || dataEncrypt.length > MAX_WEBHOOK_BYTES)
    throw new WebhookError('BODY_SHAPE');
  if (timestamp === null || nonce === null || nonce.length > MAX_WEBHOOK_BYTES)
    throw new WebhookError('BODY_SHAPE');
  return { signature: signature.toLowerCase(), dataEncrypt, timestamp, nonce };
}

/** A number as its sender wrote it. */
class Digits {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function digitsOf(value: unknown): string | null {
  if (!(value instanceof Digits || typeof value === 'number')) return null;
  const text = value instanceof Digits ? value.text : String(value);
  return Number.isFinite(Number(text)) ? text : null;
}

function parseKeepingDigits(raw: string | Uint8Array): unknown {
  if (raw.length > MAX_WEBHOOK_BYTES) throw new WebhookError('BODY_SHAPE');
  try {
    const text = typeof raw === 'string' ? raw : utf8.decode(raw);
    const parsed: unknown = JSON.parse(text);
    if (!isObject(parsed)) return parsed;
    // The text is JSON now, so outside its strings every run of these characters is a number. Quoted, the
    // numbers survive a second parse as written.
    const numbers: unknown = JSON.parse(
      text.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : `"${token}"`)),
    );
    return Object.fromEntries(
      Object.entries(parsed).map(([key, value]) => {
        const written = isObject(numbers) ? numbers[key] : undefined;
        return [key, typeof value === 'number' && typeof written === 'string' ? new Digits(written) : value];
      }),
    );
  } catch {
    throw new WebhookError('BODY_SHAPE');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** In JSON every string ends. Were its end not optional here, a text that is none could be gone through again and again. */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"?|-?\d[\d.eE+-]*/g;
