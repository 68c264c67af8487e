/** Encrypts and signs a callback like Akool: AES-CBC for the payload, sha1 over public values. Pure. */
import { createCipheriv, createHash } from 'node:crypto';

export interface WebhookPayload {
  readonly _id: string;
  readonly status: 1 | 2 | 3 | 4;
  readonly type: 'faceswap';
  readonly url: string;
}

export interface Envelope {
  readonly signature: string;
  readonly dataEncrypt: string;
  readonly timestamp: number;
  readonly nonce: string | number;
}

export interface Sealing {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly timestamp: number;
  readonly nonce: string | number;
}

/** @throws Error if the client secret is not 16, 24 or 32 bytes long */
export function seal(
  payload: Readonly<Record<string, unknown>> | WebhookPayload,
  sealing: Sealing,
): Envelope {
  const { timestamp, nonce } = sealing;
  const dataEncrypt = encrypt(JSON.stringify(payload), sealing);
  return { signature: sign(dataEncrypt, sealing), dataEncrypt, timestamp, nonce };
}

/** Signing needs only the client id: the signature uses no secret. */
export function sign(
  dataEncrypt: string,
  { clientId, timestamp, nonce }: Omit<Sealing, 'clientSecret'>,
): string {
  const parts = [clientId, String(timestamp), String(nonce), dataEncrypt].sort();
  return createHash('sha1').update(parts.join('')).digest('hex');
}

/** The key's length selects AES-128, 192 or 256; the IV is the client id, cut or zero-padded to 16 bytes. */
export function encrypt(
  text: string,
  { clientId, clientSecret }: Pick<Sealing, 'clientId' | 'clientSecret'>,
): string {
  const key = Buffer.from(clientSecret, 'utf8');
  const iv = Buffer.alloc(16);
  Buffer.from(clientId, 'utf8').copy(iv);
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv);
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
}
