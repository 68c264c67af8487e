/** The storage for kept results, and another one for uploads: each has its own place, and never touches the other's. */
import type { Readable } from 'node:stream';

/** The metadata of a stored file. */
export interface StoredBlob {
  readonly contentType: string;
  readonly byteSize: number;
  /** A strong validator, with its quotes (RFC 9110, section 8.8.3). Changes if the file is replaced. */
  readonly etag: string;
  readonly modifiedAt: Date;
}

/** Inclusive at both ends, in bytes from 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Read access. Every method rejects if the archive is unreachable or does not answer in time, or `signal` is
 * aborted.
 */
export interface BlobReader {
  /** Returns null if there is no such name. */
  find(name: string, signal?: AbortSignal): Promise<StoredBlob | null>;
  /**
   * Returns exactly the bytes of `range`; null if there is no such name. Rejects if the file is too short,
   * because it was replaced meanwhile. Releases its resources when the stream ends or is destroyed, and fails
   * the stream if the archive stops answering.
   */
  read(name: string, range: ByteRange, signal?: AbortSignal): Promise<Readable | null>;
}

/** If `signal` is aborted, the call rejects and has no effect. */
export interface BlobStore extends BlobReader {
  /** Checks that the archive can be written and read. Rejects with the operation that failed. */
  start(): Promise<void>;
  /** Closes its connections. May be called twice. */
  stop(): Promise<void>;
  /**
   * Stores `content` under `name`, completely or not at all: after a crash, or if `content` fails, nothing is
   * stored. Replaces an existing file of that name.
   */
  write(name: string, content: Readable, options: WriteOptions): Promise<void>;
  /**
   * The same with the file at `path`, which is moved where possible: it may be gone afterwards. It must be on the same
   * file system as a store of files.
   */
  adopt(name: string, path: string, options: WriteOptions): Promise<void>;
  /** Does nothing if there is no such name. */
  remove(name: string, signal?: AbortSignal): Promise<void>;
  /** Removes every file with this name before its extension, for copies that no record mentions. Slower. */
  removeAny(stem: string, signal?: AbortSignal): Promise<void>;
  /** Everything that is kept, while nothing changes: it may or may not contain what is written or removed meanwhile. */
  names(signal?: AbortSignal): AsyncIterable<string>;
  /** Removes what dead writers left behind. */
  sweep(signal?: AbortSignal): Promise<void>;
}

export interface WriteOptions {
  /** The media type, from the first bytes of `content`. */
  readonly contentType: string;
  readonly signal?: AbortSignal;
}
