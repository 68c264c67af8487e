/** A file that a caller sends to the gateway, so that its address can be given to the provider. */

/** `AWAITING` until its bytes are stored and checked. */
export const UPLOAD_STATUSES = ['AWAITING', 'READY'] as const;
export type UploadStatus = (typeof UPLOAD_STATUSES)[number];

export interface Upload {
  readonly id: string;
  readonly tenant: string;
  /** Orders uploads from old to new. */
  readonly sequence: number;
  readonly status: UploadStatus;
  /** Unguessable; the last part of the address at which it is served, without the extension. */
  readonly name: string;
  /** Unguessable; the last part of the address to which its bytes are sent, and the permission to do so. */
  readonly putToken: string;
  readonly announced: Announcement;
  /** Null until it is `READY`. */
  readonly kept: KeptUpload | null;
  readonly createdAt: number;
  /**
   * While `AWAITING`: when `putToken` ends. Then: when it is erased, unless an unfinished job needs it. It moves when a
   * job names it, and again when that job has ended.
   */
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

/** How long the bytes of a new upload may begin to be sent. */
export const PUT_LIFE_MS = 15 * 60 * 1000;
/** How long an upload is kept that no job names, from when it was handed out last. */
export const UNNAMED_LIFE_MS = 24 * 60 * 60 * 1000;

/** What can be uploaded, and the usual extension of each. */
export const UPLOAD_TYPES = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'video/mp4': 'mp4',
  'video/quicktime': 'mov',
  'video/webm': 'webm',
  'video/x-msvideo': 'avi',
} as const;

/** The name of its blob. */
export function blobNameOf({ name, announced, kept }: Upload): string {
  return `${name}.${extensionOf((kept ?? announced).contentType)}`;
}

/**
 * All names that a blob of this upload can have: an attempt to send it that was interrupted may have left one of
 * another type. A picture never becomes a video.
 */
export function blobNamesOf({ name, announced }: Upload): readonly string[] {
  const family = announced.contentType.startsWith('video/') ? 'video/' : 'image/';
  const types = Object.keys(UPLOAD_TYPES).filter((type) => type.startsWith(family));
  return types.map((type) => `${name}.${extensionOf(type)}`);
}

export function extensionOf(contentType: string): string {
  return UPLOAD_TYPES[contentType as keyof typeof UPLOAD_TYPES] ?? 'bin';
}
