/**
 * Reads the thumbnails of the archive's copies. One that is not there yet is made, and kept beside its copy.
 *
 * Requests for the same thumbnail share one work. Works are begun in the order of their first requests, a few at a
 * time; one that nobody waits for any more is dropped unless it has begun, because then finishing it saves the next
 * request all of it.
 *
 * No thumbnail is served without its copy, and none outlives it: the copy is erased before its thumbnails, and looked
 * for again after a thumbnail was written. If the process dies in between, `ThumbnailSweeper` removes it.
 */
import { Readable } from 'node:stream';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { GatewayError } from '../../errors.js';
import type { FitLimits } from '../pictures/fit.js';
import { PictureFault } from '../pictures/picture-fault.js';
import type { BlobReader, BlobStore, ByteRange, StoredBlob } from './blob-store.js';
import { type Thumbnail, thumbnailOfName } from './thumbnail-name.js';

/** Draws a picture as a WebP of this width. Throws PictureFault if it can't be drawn. */
type Draw = (source: Readable, width: number, limits: FitLimits) => Promise<Buffer>;

interface Work extends Thumbnail {
  isBegun: boolean;
  /** Of the requests that wait for it; each ends one. */
  readonly waiting: Set<(error?: unknown) => void>;
}

const CONTENT_TYPE = 'image/webp';
/** Of a copy: more than any camera has, and than Akool is known to give. */
const MAX_PIXELS = 50_000_000;
/** While one is drawn, the other is read or written. */
const MAX_AT_ONCE = 2;
/** All requests for thumbnails that are not made yet: pages of lists ask for a hundred at once. */
const MAX_WAITING = 500;
/** How long a request waits. */
const WAIT_MS = 20_000;
/** How long it may take to make one, uploads that are drawn before it included. */
const MAKE_MS = 60_000;
const RETRY_AFTER_SECONDS = 5;
/** Versions of copies that can't be drawn. */
const MAX_UNDRAWABLE = 1000;

export class Thumbnails implements BlobReader {
  readonly #archive: BlobStore;
  readonly #draw: Draw;
  readonly #log: Logger;
  /** By the thumbnail's name, in the order of their first requests. */
  readonly #works = new Map<string, Work>();
  readonly #begun = new Set<Promise<void>>();
  readonly #undrawable = new LRUCache<string, true>({ max: MAX_UNDRAWABLE });
  readonly #stopping = new AbortController();
  #waiting = 0;

  constructor(parts: { readonly archive: BlobStore; readonly draw: Draw; readonly log: Logger }) {
    this.#archive = parts.archive;
    this.#draw = parts.draw;
    this.#log = parts.log;
  }

  /** Aborts what is being made. May be called twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#begun);
  }

  /**
   * Makes the thumbnail if it is not there. Returns null if it has no copy, or one that can't be drawn.
   *
   * @throws GatewayError ARCHIVE_UNAVAILABLE if too many are waiting, or it takes too long
   */
  async find(name: string, signal: AbortSignal = this.#stopping.signal): Promise<StoredBlob | null> {
    const thumbnail = thumbnailOfName(name);
    if (thumbnail === null) return null;
    const [copy, kept] = await Promise.all([
      this.#archive.find(thumbnail.copy, signal),
      this.#archive.find(name, signal),
    ]);
    if (copy === null || kept !== null) return copy && kept;
    if (this.#undrawable.has(versionOf(thumbnail, copy))) return null;
    await this.#made(name, thumbnail, signal);
    return this.#archive.find(name, signal);
  }

  read(name: string, range: ByteRange, signal?: AbortSignal): Promise<Readable | null> {
    return this.#archive.read(name, range, signal);
  }

  /** Waits until it is made, or can't be. */
  #made(name: string, thumbnail: Thumbnail, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting >= MAX_WAITING) throw busy();
    const work = this.#works.get(name) ?? { ...thumbnail, isBegun: false, waiting: new Set() };
    this.#works.set(name, work);
    return new Promise((resolve, reject) => {
      const end = (error?: unknown): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        this.#waiting -= 1;
        work.waiting.delete(end);
        if (work.waiting.size === 0 && !work.isBegun) this.#works.delete(name);
        if (error === undefined) resolve();
        else reject(error);
      };
      const leave = (): void => end(signal.reason);
      const timer = setTimeout(() => end(busy()), WAIT_MS);
      signal.addEventListener('abort', leave, { once: true });
      work.waiting.add(end);
      this.#waiting += 1;
      this.#beginNext();
    });
  }

  #beginNext(): void {
    for (const [name, work] of this.#works) {
      if (this.#begun.size >= MAX_AT_ONCE) return;
      if (work.isBegun) continue;
      work.isBegun = true;
      const making: Promise<void> = this.#make(name, work)
        .then(
          () => undefined,
          (error: unknown) => error,
        )
        .then((error) => {
          this.#begun.delete(making);
          this.#works.delete(name);
          for (const end of work.waiting) end(error);
          this.#beginNext();
        });
      this.#begun.add(making);
    }
  }

  async #make(name: string, thumbnail: Thumbnail): Promise<void> {
    const { copy } = thumbnail;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(MAKE_MS)]);
    const original = await this.#archive.find(copy, signal);
    if (original === null) return;
    const content = await this.#drawn(thumbnail, original, signal);
    if (content === null) return;
    let isCurrent = false;
    try {
      await this.#archive.write(name, Readable.from([content]), { contentType: CONTENT_TYPE, signal });
      isCurrent = (await this.#archive.find(copy, signal))?.etag === original.etag;
    } finally {
      // The copy was erased or replaced meanwhile, or that is not certain. What a stop interrupts is swept up.
      if (!isCurrent) await this.#archive.remove(name, this.#stopping.signal);
    }
  }

  /** Returns null if there is no copy any more, or it can't be drawn. */
  async #drawn(thumbnail: Thumbnail, original: StoredBlob, signal: AbortSignal): Promise<Buffer | null> {
    const range = { first: 0, last: original.byteSize - 1 };
    const source = await this.#archive.read(thumbnail.copy, range, signal);
    if (source === null) return null;
    try {
      return await this.#draw(source, thumbnail.width, { maxPixels: MAX_PIXELS, signal });
    } catch (error) {
      if (!(error instanceof PictureFault)) throw error;
      // So that it costs nothing to ask again. Not with the name, which is a permission.
      this.#undrawable.set(versionOf(thumbnail, original), true);
      this.#log.warn({ err: error }, 'a kept result has no thumbnails, because it cannot be drawn');
      return null;
    }
  }
}

/** The same for all widths. */
function versionOf({ copy }: Thumbnail, { etag }: StoredBlob): string {
  return `${copy} ${etag}`;
}

function busy(): GatewayError {
  return new GatewayError(
    'ARCHIVE_UNAVAILABLE',
    'Too many thumbnails are being made right now; try again later.',
    { extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS } },
  );
}
