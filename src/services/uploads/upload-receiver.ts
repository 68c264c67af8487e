/**
 * Receives the bytes of uploads: into the spool, through the checks, into the store. An upload is `READY` exactly if
 * that ended well; whatever interrupts it leaves nothing behind, and the bytes can be sent again.
 *
 * The claim in the records keeps others from sending meanwhile. It is short and renewed, so that it ends soon after a
 * process that died.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { logLevelOf } from '../../errors.js';
import { Shares } from '../limits/shares.js';
import type { BlobStore } from '../media/blob-store.js';
import { fitFile, PictureFault } from '../pictures/fit.js';
import { arrive, mismatch, SenderLeftError, tooLarge } from './arrival.js';
import type { Spool } from './spool.js';
import { blobNameOf, type KeptUpload, type Upload } from './upload.js';
import { UploadRefusal } from './upload-refusal.js';
import type { UploadReceptions } from './upload-store.js';

export interface UploadLimits {
  readonly maxImageBytes: number;
  readonly maxVideoBytes: number;
  readonly maxPixels: number;
}

/** The body of a PUT. */
export interface SentBody {
  readonly bytes: Readable;
  /** How many bytes it has; null if its sender did not say. */
  readonly byteSize: number | null;
  /** Called when the bytes are about to be read, at most once. */
  readonly begin: () => void;
}

export interface Received {
  readonly upload: Upload;
  readonly kept: KeptUpload;
  /** False if it was `READY` before; its bytes were not read then. */
  readonly isNew: boolean;
}

const CLAIM_MS = 30_000;
const RENEW_EVERY_MS = 10_000;
/** Files that arrive or are checked, of all tenants. */
const MAX_RECEPTIONS = 512;
/** Files that are put into the store at once. A bucket takes them in parts, which are held in memory. */
const MAX_STORED_AT_ONCE = 4;

export class UploadReceiver {
  readonly #receptions: UploadReceptions;
  readonly #blobs: BlobStore;
  readonly #spool: Spool;
  readonly #clock: Clock;
  readonly #limits: UploadLimits;
  readonly #log: Logger;
  readonly #places = new Shares(MAX_RECEPTIONS);
  readonly #storing = pLimit(MAX_STORED_AT_ONCE);
  readonly #underWay = new Map<Promise<Received>, AbortController>();
  #isStopping = false;

  constructor(parts: {
    readonly receptions: UploadReceptions;
    readonly blobs: BlobStore;
    readonly spool: Spool;
    readonly clock: Clock;
    readonly limits: UploadLimits;
    readonly log: Logger;
  }) {
    this.#receptions = parts.receptions;
    this.#blobs = parts.blobs;
    this.#spool = parts.spool;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
    this.#log = parts.log;
  }

  /** Aborts what arrives, and waits until nothing of it is left. May be called twice. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const ending of this.#underWay.values()) ending.abort(new UploadRefusal('STORAGE_UNAVAILABLE'));
    await Promise.allSettled(this.#underWay.keys());
  }

  /**
   * Resolves when the file is stored and the upload is `READY`. A sender that leaves after the last byte does not end
   * that, so that the file need not be sent again.
   *
   * @throws UploadRefusal, SenderLeftError
   */
  async receive(putToken: string, body: SentBody): Promise<Received> {
    if (this.#isStopping) throw new UploadRefusal('STORAGE_UNAVAILABLE');
    const ending = new AbortController();
    const receiving = this.#receive(putToken, body, ending);
    this.#underWay.set(receiving, ending);
    try {
      return await receiving;
    } catch (error) {
      throw this.#told(error);
    } finally {
      this.#underWay.delete(receiving);
    }
  }

  async #receive(putToken: string, body: SentBody, ending: AbortController): Promise<Received> {
    const claim = randomUUID();
    const now = this.#clock.now();
    const reception = await this.#receptions.begin(putToken, { id: claim, now, until: now + CLAIM_MS });
    switch (reception.outcome) {
      case 'ready':
        return received(reception.upload, false);
      case 'inProgress':
        throw new UploadRefusal('IN_PROGRESS');
      case 'expired':
        throw new UploadRefusal('EXPIRED');
      case 'unknown':
        throw new UploadRefusal('NOT_FOUND');
      case 'claimed':
        return this.#claimed(reception.upload, claim, body, ending);
    }
  }

  /** Holds the claim and a place while the upload is taken. */
  async #claimed(upload: Upload, claim: string, body: SentBody, ending: AbortController): Promise<Received> {
    const owner = { tenant: upload.tenant, onlyJob: null };
    const renewals = setInterval(() => {
      this.#renew(upload, claim).catch((error: unknown) => {
        if (error instanceof UploadRefusal) ending.abort(error);
        else this.#log[logLevelOf(error)]({ err: error, upload: upload.id }, 'a claim was not renewed');
      });
    }, RENEW_EVERY_MS);
    const hasPlace = this.#places.take(owner, 1);
    try {
      if (!hasPlace)
        throw new UploadRefusal('STORAGE_UNAVAILABLE', 'Too many files are being sent; retry later.');
      return await this.#take(upload, claim, body, ending.signal);
    } catch (error) {
      // If it can't be given up, it ends by itself.
      await this.#receptions.abandon(upload.id, claim).catch(() => {});
      ending.signal.throwIfAborted();
      throw this.#told(error, upload);
    } finally {
      clearInterval(renewals);
      if (hasPlace) this.#places.take(owner, -1);
    }
  }

  async #take(upload: Upload, claim: string, body: SentBody, signal: AbortSignal): Promise<Received> {
    const { contentType, byteSize, sha256 } = upload.announced;
    const family = familyOf(contentType);
    const maxBytes = family === 'video' ? this.#limits.maxVideoBytes : this.#limits.maxImageBytes;
    if (Math.max(byteSize, body.byteSize ?? 0) > maxBytes) throw tooLarge(maxBytes);
    if (body.byteSize !== null && body.byteSize !== byteSize) {
      throw mismatch(`${byteSize} bytes were announced, and the body has ${body.byteSize}`);
    }
    const path = await this.#spool.newFile();
    const files = [path];
    try {
      body.begin();
      const sentSha256 = await arrive(body.bytes, path, { byteSize, maxBytes, clock: this.#clock, signal });
      if (sha256 !== null && sha256 !== sentSha256) throw new UploadRefusal('HASH_MISMATCH');
      const fit = await fitFile(path, { maxPixels: this.#limits.maxPixels, signal });
      files.push(fit.path);
      if (familyOf(fit.contentType) !== family) {
        throw new UploadRefusal(
          'MEDIA_UNSUPPORTED',
          `${contentType} was announced, but by its bytes the file is ${fit.contentType}.`,
        );
      }
      const kept: KeptUpload = {
        contentType: fit.contentType,
        ...(fit.path === path ? { byteSize, sha256: sentSha256 } : await measured(fit.path, signal)),
        width: fit.width,
        height: fit.height,
        durationSeconds: fit.durationSeconds,
        sentSha256,
      };
      return await this.#store(upload, claim, { path: fit.path, kept }, signal);
    } finally {
      for (const file of files) await rm(file, { force: true });
    }
  }

  async #store(
    upload: Upload,
    claim: string,
    { path, kept }: { readonly path: string; readonly kept: KeptUpload },
    signal: AbortSignal,
  ): Promise<Received> {
    const name = blobNameOf({ ...upload, kept });
    await this.#storing(async () => {
      // Someone else who stores it would use the same name.
      await this.#renew(upload, claim);
      await this.#blobs
        .adopt(name, path, { contentType: kept.contentType, signal })
        .catch(async (error: unknown) => {
          // If only the answer was lost, it is stored nevertheless.
          await this.#discard(upload, name);
          throw error;
        });
    });
    // If it rejects it may have succeeded, so the file stays. It is removed with the record if it has not.
    const finished = await this.#receptions.finish(upload.id, claim, kept, this.#clock.now());
    if (finished !== null) return received(finished, true);
    await this.#discard(upload, name);
    throw new UploadRefusal('NOT_FOUND');
  }

  #told(error: unknown, upload?: Upload): Error {
    if (error instanceof UploadRefusal || error instanceof SenderLeftError) return error;
    if (error instanceof PictureFault) return new UploadRefusal(error.code, error.message, { cause: error });
    this.#log[logLevelOf(error)]({ err: error, upload: upload?.id }, 'an upload could not be stored');
    return new UploadRefusal('STORAGE_UNAVAILABLE', undefined, { cause: error });
  }

  /** @throws UploadRefusal if the claim is lost, usually because the upload was deleted */
  async #renew(upload: Upload, claim: string): Promise<void> {
    const isHeld = await this.#receptions.renew(upload.id, claim, this.#clock.now() + CLAIM_MS);
    if (!isHeld) throw new UploadRefusal('NOT_FOUND');
  }

  /** Removes what was stored, unless it is served: then someone else has sent it meanwhile. */
  async #discard(upload: Upload, name: string): Promise<void> {
    try {
      if ((await this.#receptions.findServed(upload.name)) === null) await this.#blobs.remove(name);
    } catch (error) {
      // It is removed with its record.
      this.#log[logLevelOf(error)](
        { err: error, upload: upload.id },
        'a refused upload could not be removed',
      );
    }
  }
}

function received(upload: Upload, isNew: boolean): Received {
  if (upload.kept === null) throw new Error('An upload is READY without a file');
  return { upload, kept: upload.kept, isNew };
}

/** `image` or `video`. */
function familyOf(contentType: string): string | undefined {
  return contentType.split('/')[0];
}

async function measured(path: string, signal: AbortSignal): Promise<Pick<KeptUpload, 'byteSize' | 'sha256'>> {
  const hash = createHash('sha256');
  let byteSize = 0;
  for await (const piece of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
    hash.update(piece);
    byteSize += piece.length;
  }
  return { byteSize, sha256: hash.digest('hex') };
}
