/** Pictures and videos as an app has them. */

/**
 * A picture or video: a `File` or `Blob`, which is uploaded first; an absolute `http:` or `https:` address; or what
 * `upload` returned.
 */
export type Media = Blob | URL | string | { readonly url: string };

/** A file that the gateway has. */
export interface Upload {
  readonly id: string;
  /** Whoever has it can download the file. */
  readonly url: string;
  readonly contentType: string;
  readonly byteSize: number;
  /** In pixels, upright; null for a video that does not tell. */
  readonly width: number | null;
  readonly height: number | null;
  readonly durationSeconds: number | null;
  /** Of what `url` serves, in hex. */
  readonly sha256: string | null;
}

/** In bytes, over all files of one call. */
export interface UploadProgress {
  readonly loaded: number;
  readonly total: number;
}

export interface UploadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called while files are sent; at least once for each file that is. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
}
