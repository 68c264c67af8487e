/** A bucket in an S3 store, and its access key. */
export interface Bucket {
  readonly name: string;
  /** Prefix of each name, without leading or trailing slash; empty: none. */
  readonly prefix: string;
  readonly region: string;
  /** Null: Amazon's endpoint for the region. */
  readonly endpoint: string | null;
  /** Whether the bucket name is in the path, not in the host. */
  readonly pathStyle: boolean;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Null: the key is not temporary. */
  readonly sessionToken: string | null;
}
