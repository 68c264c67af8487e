/** A file that a caller sends to the gateway, so that its address can be given to the provider. */

/** `AWAITING` until its bytes are stored and checked. */
export type UploadStatus = 'AWAITING' | 'READY';

export interface Upload {
  readonly id: string;
  readonly tenant: string;
  /** Orders uploads from old to new. */
  readonly sequence: number;
  readonly status: UploadStatus;
  /** Unguessable; the last part of the address at which it is served. */
  readonly name: string;
  /** Unguessable; the last part of the address to which its bytes are sent, and the permission to do so. */
  readonly putToken: string;
  readonly announced: Announcement;
  /** Null until it is `READY`. */
  readonly kept: KeptUpload | null;
  readonly createdAt: number;
  /** While `AWAITING`: when `putToken` ends. Then: when it is erased, unless an unfinished job needs it. */
  readonly expiresAt: number;
}

/** What the caller said of the bytes to come. */
export interface Announcement {
  readonly contentType: string;
  /** In bytes, exact. */
  readonly byteSize: number;
  /** Lower-case hex; null if the caller did not say. */
  readonly sha256: string | null;
}

/** What is stored and served, after the picture was made fit to be sent. */
export interface KeptUpload {
  readonly contentType: string;
  readonly byteSize: number;
  /** Pixels, upright; null for a video whose container does not tell. */
  readonly width: number | null;
  readonly height: number | null;
  /** Of a video, where its container tells. */
  readonly durationSeconds: number | null;
  /** Lower-case hex, of what is served. */
  readonly sha256: string;
  /** Lower-case hex, of the bytes that were sent. */
  readonly sentSha256: string;
}
