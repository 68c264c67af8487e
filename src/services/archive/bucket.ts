/** A bucket of an S3 store, and the key to it. */
export interface Bucket {
  readonly name: string;
  /** Before each name, without a slash at either end; empty: none. */
  readonly prefix: string;
  readonly region: string;
  /** Null: Amazon's own, of the region. */
  readonly endpoint: string | null;
  /** Whether the bucket is named in the path and not in the host. */
  readonly pathStyle: boolean;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Null: the key is not a temporary one. */
  readonly sessionToken: string | null;
}
