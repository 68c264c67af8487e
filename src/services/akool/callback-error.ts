/** Why a callback was rejected. */

/**
 * In the order of the checks:
 * - BODY_SHAPE: not `{signature, dataEncrypt, timestamp, nonce}`, or not JSON at all
 * - SIGNATURE: not the sha1 of clientId, timestamp, nonce and dataEncrypt
 * - BASE64: dataEncrypt is not strict base64
 * - LENGTH: not a multiple of the AES block size
 * - DECRYPT: the cipher refused
 * - PADDING: does not end in n bytes of value n, with n from 1 to 32
 * - JSON: not UTF-8, or not JSON
 * - PAYLOAD: not `{_id, status, url}`
 */
export type CallbackErrorCode =
  | 'BODY_SHAPE'
  | 'SIGNATURE'
  | 'BASE64'
  | 'LENGTH'
  | 'DECRYPT'
  | 'PADDING'
  | 'JSON'
  | 'PAYLOAD';

/**
 * A callback that must not be trusted. The code is only for the log: if responses differed by it, an attacker
 * could decrypt by trial (a padding oracle).
 */
export class CallbackError extends Error {
  override readonly name = 'CallbackError';
  readonly code: CallbackErrorCode;

  constructor(code: CallbackErrorCode) {
    super(`callback failed its check: ${code}`);
    this.code = code;
  }
}
