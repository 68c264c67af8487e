/** Where kept results lie: written by the archiver, read by whoever serves them. */
import type { Readable } from 'node:stream';

/** What is known of a kept result without reading it. */
export interface KeptResult {
  readonly contentType: string;
  readonly byteSize: number;
  /** A strong validator in its quotes (RFC 9110, section 8.8.3): another one for whatever replaces this. */
  readonly etag: string;
  readonly modifiedAt: Date;
}

/** Both ends belong to it; counted in bytes from 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reading alone. Every method rejects when the archive can't be reached or does not answer in time, and when
 * `signal` is aborted.
 */
export interface ArchiveReader {
  /** Null where there is no such name. */
  find(name: string, signal?: AbortSignal): Promise<KeptResult | null>;
  /**
   * Exactly the bytes of `range`; null where there is no such name. Rejects where there are not so many: what
   * was found has been replaced. Ends whatever it holds when the stream ends or is destroyed, and fails the
   * stream when the archive falls silent.
   */
  read(name: string, range: ByteRange, signal?: AbortSignal): Promise<Readable | null>;
}

/** An aborted `signal` rejects; what was under way is as if it had not been begun. */
export interface Archive extends ArchiveReader {
  /** Makes sure that it can be written to and read from. Rejects with a word on what can't be done. */
  start(): Promise<void>;
  /** Ends its connections. Safe to call twice. */
  stop(): Promise<void>;
  /**
   * Keeps what `content` gives under `name`, whole or not at all: after a crash, or when `content` fails,
   * nothing is there. The same name again replaces what was there.
   */
  write(name: string, content: Readable, options: WriteOptions): Promise<void>;
  /** Does nothing where there is no such name. */
  remove(name: string, signal?: AbortSignal): Promise<void>;
  /** Removes whatever has this name before its extension; for copies that nobody has noted. Slower. */
  removeAny(stem: string, signal?: AbortSignal): Promise<void>;
  /** Removes what writers that died have left behind. */
  sweep(signal?: AbortSignal): Promise<void>;
}

export interface WriteOptions {
  /** What `content` is, as its first bytes say. */
  readonly contentType: string;
  readonly signal?: AbortSignal;
}
