/** Why the bytes of an upload are not taken: the errors of `PUT /uploads/…`. */

/** Every `code` of an answer to a PUT, its HTTP status, and its meaning. */
export const UPLOAD_REFUSALS = {
  LENGTH_MISMATCH: {
    status: 400,
    meaning:
      'The bytes are more or fewer than the `byteSize` that was announced. Fewer are also those that came too slowly, or stopped coming.',
  },
  HASH_MISMATCH: { status: 400, meaning: 'The bytes do not have the `sha256` that was announced.' },
  NOT_FOUND: { status: 404, meaning: 'There is no upload at this address, or it was deleted.' },
  IN_PROGRESS: {
    status: 409,
    meaning:
      'The bytes of this upload are being sent already. If their sender is gone, retry after half a minute.',
  },
  EXPIRED: { status: 410, meaning: 'The address has expired: call `createUpload` again.' },
  TOO_LARGE: { status: 413, meaning: 'The file is larger than the gateway takes.' },
  MEDIA_UNSUPPORTED: {
    status: 415,
    meaning:
      'By its bytes the file is none of the supported kinds, or a video where a picture was announced, or the other way round; or the body is compressed or a form.',
  },
  MEDIA_BROKEN: { status: 422, meaning: 'The file cannot be decoded, or has more pixels than allowed.' },
  STORAGE_UNAVAILABLE: {
    status: 503,
    meaning:
      'The file cannot be stored right now, or too many are being sent; retry after `Retry-After` seconds.',
  },
} as const;

export type UploadRefusalCode = keyof typeof UPLOAD_REFUSALS;

/** The bytes are not taken; the upload stays `AWAITING`. The message is for the caller. */
export class UploadRefusal extends Error {
  override readonly name = 'UploadRefusal';
  readonly code: UploadRefusalCode;

  constructor(
    code: UploadRefusalCode,
    message: string = UPLOAD_REFUSALS[code].meaning,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
  }
}
