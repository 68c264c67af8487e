/**
 * A blob store of objects in a bucket of Amazon S3 or an S3-compatible store.
 *
 * S3 shows an object only once it is complete. Parts of a dead writer are never visible, and `sweep` removes
 * them.
 *
 * This module loads the S3 client: import it only if a bucket is set.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Logger } from 'pino';
import type { Bucket, S3Credentials } from '../../config/bucket.js';
import { reasonOf } from '../../errors.js';
import type { BlobStore, ByteRange, StoredBlob, WriteOptions } from './blob-store.js';
import { ANSWER_MS, bounded, isMissing, isUnsupported, S3Error } from './s3-call.js';
import { abortUpload, type S3Object, upload } from './s3-upload.js';
import { withoutSilence } from './silence-limit.js';

interface S3BlobStoreSettings {
  readonly bucket: Bucket;
  /** Null: the default AWS credential chain, for example the role of the machine or the pod. */
  readonly credentials: S3Credentials | null;
  /** The maximum duration of a write in milliseconds. An upload that began earlier has no writer any more. */
  readonly longestWriteMs: number;
  readonly log: Logger;
}

const CONNECT_MS = 5000;
/** Timeout between two chunks of an object. */
const SILENCE_MS = 10_000;
/** Allows for differences between clocks. */
const LEFT_BEHIND_MARGIN_MS = 60 * 60 * 1000;

export function createS3BlobStore(settings: S3BlobStoreSettings): BlobStore {
  return new S3BlobStore(settings);
}

class S3BlobStore implements BlobStore {
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #longestWriteMs: number;
  readonly #leftBehindMs: number;
  readonly #log: Logger;
  readonly #s3: S3Client;
  #canSweep = true;

  constructor({ bucket, credentials, longestWriteMs, log }: S3BlobStoreSettings) {
    this.#log = log;
    this.#bucket = bucket.name;
    this.#prefix = bucket.prefix === '' ? '' : `${bucket.prefix}/`;
    this.#longestWriteMs = longestWriteMs;
    this.#leftBehindMs = longestWriteMs + LEFT_BEHIND_MARGIN_MS;
    this.#s3 = new S3Client({
      region: bucket.region,
      ...(bucket.endpoint !== null && { endpoint: bucket.endpoint }),
      forcePathStyle: bucket.pathStyle,
      ...(credentials !== null && { credentials: credentialsOf(credentials) }),
      // The signature already covers the content, and not every store supports the newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // The header would cost a separate connection for each part.
      expectContinueHeader: false,
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        // Readers may pause for as long as they like; waiting for S3 has its own timeout.
        socketTimeout: 0,
        // One per reader; the HTTP server limits the readers.
        httpAgent: { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY },
        httpsAgent: { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY },
      },
    });
  }

  async start(): Promise<void> {
    // Not a valid result name, so it is never served.
    const stem = `.start-${randomUUID()}`;
    const probe = `${stem}.txt`;
    await this.write(probe, Readable.from([Buffer.from('x')]), { contentType: 'text/plain' });
    try {
      const copy = await this.read(probe, { first: 0, last: 0 });
      if (copy === null) throw new S3Error('GetObject', 'NoSuchKey', 404);
      for await (const _piece of copy);
    } finally {
      await this.removeAny(stem);
    }
    await this.sweep();
  }

  async stop(): Promise<void> {
    this.#s3.destroy();
  }

  async find(name: string, signal?: AbortSignal): Promise<StoredBlob | null> {
    try {
      const head = await bounded('HeadObject', ANSWER_MS, signal, (options) =>
        this.#s3.send(new HeadObjectCommand(this.#object(name)), options),
      );
      if (head.ContentLength === undefined || head.ETag === undefined || head.LastModified === undefined) {
        throw new S3Error('HeadObject', 'IncompleteAnswer', head.$metadata.httpStatusCode ?? null);
      }
      return {
        contentType: head.ContentType ?? 'application/octet-stream',
        byteSize: head.ContentLength,
        etag: head.ETag,
        modifiedAt: head.LastModified,
      };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async read(name: string, { first, last }: ByteRange, signal?: AbortSignal): Promise<Readable | null> {
    const Range = `bytes=${first}-${last}`;
    try {
      const { Body, ContentLength } = await bounded('GetObject', ANSWER_MS, signal, (options) =>
        this.#s3.send(new GetObjectCommand({ ...this.#object(name), Range }), options),
      );
      if (!(Body instanceof Readable)) throw new S3Error('GetObject', 'IncompleteAnswer', null);
      const answer = this.#answer(Body);
      if (ContentLength === last - first + 1) return answer;
      answer.destroy();
      throw new S3Error('GetObject', 'OtherLength', null);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async write(name: string, content: Readable, { contentType, signal }: WriteOptions): Promise<void> {
    const ends = [AbortSignal.timeout(this.#longestWriteMs), ...(signal === undefined ? [] : [signal])];
    const ending = AbortSignal.any(ends);
    const end = (): void => void content.destroy(asError(ending.reason));
    ending.addEventListener('abort', end, { once: true });
    try {
      await upload(this.#s3, this.#object(name), contentType, content, ending);
    } catch (error) {
      content.destroy();
      throw error;
    } finally {
      ending.removeEventListener('abort', end);
    }
  }

  adopt(name: string, path: string, options: WriteOptions): Promise<void> {
    return this.write(name, createReadStream(path), options);
  }

  async remove(name: string, signal?: AbortSignal): Promise<void> {
    await bounded('DeleteObject', ANSWER_MS, signal, (options) =>
      this.#s3.send(new DeleteObjectCommand(this.#object(name)), options),
    ).catch((error: unknown) => {
      // Amazon reports success for a missing object, but other stores report an error.
      if (!isMissing(error)) throw error;
    });
  }

  async removeAny(stem: string, signal?: AbortSignal): Promise<void> {
    for await (const name of this.#namesFrom(`${stem}.`, signal)) await this.remove(name, signal);
  }

  names(signal?: AbortSignal): AsyncIterable<string> {
    return this.#namesFrom('', signal);
  }

  /** Names that begin with `start`, in order. */
  async *#namesFrom(start: string, signal?: AbortSignal): AsyncGenerator<string, void> {
    // In a shared bucket, deeper paths are not ours.
    const input = { Bucket: this.#bucket, Prefix: `${this.#prefix}${start}`, Delimiter: '/' };
    let ContinuationToken: string | undefined;
    do {
      const page = await bounded('ListObjectsV2', ANSWER_MS, signal, (options) =>
        this.#s3.send(new ListObjectsV2Command({ ...input, ContinuationToken }), options),
      );
      for (const { Key = '' } of page.Contents ?? []) {
        if (Key.startsWith(input.Prefix)) yield Key.slice(this.#prefix.length);
      }
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
  }

  async sweep(signal?: AbortSignal): Promise<void> {
    if (!this.#canSweep) return;
    try {
      await this.#abortLeftBehind(signal);
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      this.#canSweep = false;
      this.#log.warn(
        { reason: reasonOf(error) },
        'the bucket does not list unfinished uploads: those of dead gateways stay until its lifecycle rules abort them',
      );
    }
  }

  async #abortLeftBehind(signal?: AbortSignal): Promise<void> {
    const before = Date.now() - this.#leftBehindMs;
    let marker: { readonly KeyMarker?: string | undefined; readonly UploadIdMarker?: string | undefined } =
      {};
    for (;;) {
      const input = { Bucket: this.#bucket, Prefix: this.#prefix, ...marker };
      const page = await bounded('ListMultipartUploads', ANSWER_MS, signal, (options) =>
        this.#s3.send(new ListMultipartUploadsCommand(input), options),
      );
      for (const { Key = '', UploadId, Initiated } of page.Uploads ?? []) {
        // In a shared bucket, deeper paths are not ours.
        const isOurs = Key.startsWith(this.#prefix) && !Key.slice(this.#prefix.length).includes('/');
        if (isOurs && Initiated !== undefined && Initiated.getTime() < before) {
          await abortUpload(this.#s3, { Bucket: this.#bucket, Key, UploadId }, signal);
        }
      }
      if (page.IsTruncated !== true) return;
      marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  /** Wraps the body of a response so that the caller can end it at any time. */
  #answer(body: Readable): Readable {
    // It may fail before anyone reads it; it keeps its error until then.
    body.on('error', () => {});
    const silent = (): Error => new S3Error('GetObject', 'TimeoutError', null);
    const answer = Readable.from(withoutSilence(body, SILENCE_MS, silent), { objectMode: false });
    // A generator waiting for S3 can't be ended before S3 answers.
    answer.once('close', () => body.destroy());
    return answer;
  }

  #object(name: string): S3Object {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${name}` };
  }
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: S3Credentials) {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== null && { sessionToken }) };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('The write was aborted', { cause: reason });
}
