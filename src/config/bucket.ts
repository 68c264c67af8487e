/** A bucket in an S3 store, and its access key. */
export interface Bucket {
  readonly name: string;
  /** Prefix of each object name, without leading or trailing slash; may be empty. */
  readonly prefix: string;
  readonly region: string;
  /** Null for Amazon's endpoint of the region. */
  readonly endpoint: string | null;
  /** Whether the bucket name is in the path instead of the host. */
  readonly pathStyle: boolean;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Null unless the key is temporary. */
  readonly sessionToken: string | null;
}
