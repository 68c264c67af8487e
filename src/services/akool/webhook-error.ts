/** Which check a webhook failed. */

/**
 * In the order of the checks:
 * - BODY_SHAPE: not `{signature, dataEncrypt, timestamp, nonce}`, or not JSON at all
 * - SIGNATURE: not the sha1 of clientId, timestamp, nonce and dataEncrypt
 * - BASE64: dataEncrypt is not strict base64
 * - LENGTH: no whole number of AES blocks
 * - DECRYPT: the cipher refused
 * - PADDING: does not end in 1 to 32 equal bytes of that number
 * - JSON: no UTF-8, or no JSON
 * - PAYLOAD: not `{_id, status, url}`
 */
export type WebhookErrorCode =
  | 'BODY_SHAPE'
  | 'SIGNATURE'
  | 'BASE64'
  | 'LENGTH'
  | 'DECRYPT'
  | 'PADDING'
  | 'JSON'
  | 'PAYLOAD';

/**
 * A webhook that must not be believed. The code is for the log alone: an answer that differs by it would let a
 * stranger decrypt by trial (a padding oracle).
 */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
  readonly code: WebhookErrorCode;

  constructor(code: WebhookErrorCode) {
    super(`webhook failed its check: ${code}`);
    this.code = code;
  }
}
