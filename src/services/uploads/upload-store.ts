/**
 * The records of uploads, and which jobs need them.
 *
 * The guarantees of `JobStore` hold here too. In addition:
 * - At most one attempt to send an upload's bytes holds a claim, over all instances.
 * - A job is stored only if all uploads that it names are its tenant's and `READY`, and from then on none of them is
 *   erased while it is unfinished: see `NewJob.uploads`.
 */
import type { PageRequest } from '../jobs/job-store.js';
import type { Announcement, KeptUpload, Upload } from './upload.js';

/** What became of an attempt to send an upload's bytes. */
export type Reception =
  /** The caller holds the claim, and must renew, finish or abandon it. */
  | { readonly outcome: 'claimed'; readonly upload: Upload }
  | { readonly outcome: 'ready'; readonly upload: Upload }
  /** Somebody else is sending. */
  | { readonly outcome: 'inProgress' }
  /** Its time is over, whether or not there is still a record of it. */
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'unknown' };

/** The part that the door for bytes uses. One sender at a time, over all instances. */
export interface UploadReceptions {
  /** Claims the upload with this token until `until`. An attempt may begin while `now` is before `expiresAt`. */
  begin(
    putToken: string,
    claim: { readonly id: string; readonly now: number; readonly until: number },
  ): Promise<Reception>;
  /** Returns false if the claim was lost: somebody else has one, or the upload is gone. */
  renew(id: string, claim: string, until: number): Promise<boolean>;
  /**
   * Makes it `READY`. Returns null if the claim was lost; the bytes must then be removed again. May be repeated: after
   * a success it returns the upload again. If it rejects, it may have succeeded, so the bytes must stay: the sweeper
   * removes them with the record if it has not.
   */
  finish(id: string, claim: string, kept: KeptUpload, now: number): Promise<Upload | null>;
  /** Gives the claim up, so that the bytes can be sent again at once. */
  abandon(id: string, claim: string): Promise<void>;
  /** Gives all claims up. Only for the sole instance, before it receives: those that held them are dead. */
  abandonAll(): Promise<void>;
  /**
   * Returns the upload that is served under `name`; null unless it is `READY` and not erased.
   *
   * @param name the last part of its address, with or without the extension
   */
  findServed(name: string): Promise<Upload | null>;
}

export interface NewUpload {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly putToken: string;
  readonly announced: Announcement;
  readonly at: number;
  readonly expiresAt: number;
}

/** A page, newest upload first. */
export interface UploadPage {
  readonly uploads: readonly Upload[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/** What became of an attempt to discard an upload. */
export type Discarded = 'discarded' | 'needed' | 'unknown';

export interface UploadStore extends UploadReceptions {
  /**
   * Stores a new upload, unless its tenant's bytes would exceed `quotaBytes`, however many are announced at once.
   *
   * @param quotaBytes null: no limit
   * @returns null if the quota does not allow it
   */
  announce(upload: NewUpload, quotaBytes: number | null): Promise<Upload | null>;
  /**
   * Hands out a tenant's `READY` upload that was sent as bytes of this hash, for a life that lasts at least until
   * `expiresAt`.
   *
   * @returns null if there is none
   */
  handOut(tenant: string, sentSha256: string, expiresAt: number): Promise<Upload | null>;
  find(tenant: string, id: string): Promise<Upload | null>;
  /** Returns those of a tenant's uploads that are served under these names once they are `READY`, by name. */
  findNamed(tenant: string, names: readonly string[]): Promise<ReadonlyMap<string, Upload>>;
  list(tenant: string, page: PageRequest): Promise<UploadPage>;
  /** Returns the bytes of a tenant. Those of an announced upload count until it expires, or while they are received. */
  usage(tenant: string, now: number): Promise<number>;

  /** Hides an upload, which is then due to be erased; not one that an unfinished job needs. */
  discard(tenant: string, id: string, now: number): Promise<Discarded>;
  /**
   * Hides the uploads that these deleted jobs named, unless other jobs do, or they were handed out again since.
   *
   * @returns whether there were any
   */
  release(jobIds: readonly string[], now: number): Promise<boolean>;
  /**
   * Hides uploads that have expired. Those that jobs need or needed, within `ttlMs`, get a later `expiresAt` instead.
   *
   * @returns how many uploads were looked at, at most `limit`
   */
  expire(now: number, ttlMs: number, limit: number): Promise<number>;
  /** Claims hidden uploads, each for one caller only: it is not due again before `until`. */
  claimErasures(now: number, until: number, limit: number): Promise<readonly Upload[]>;
  rescheduleErasures(ids: readonly string[], at: number): Promise<void>;
  /** Removes the records. */
  erase(ids: readonly string[]): Promise<void>;
}
