/** The records of uploads. */
import type { KeptUpload, Upload } from './upload.js';

/** What became of an attempt to send an upload's bytes. */
export type Reception =
  /** The caller holds the claim, and must renew, finish or abandon it. */
  | { readonly outcome: 'claimed'; readonly upload: Upload }
  | { readonly outcome: 'ready'; readonly upload: Upload }
  /** Somebody else is sending. */
  | { readonly outcome: 'inProgress' }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'unknown' };

/** The part that the door for bytes uses. One sender at a time, over all instances. */
export interface UploadReceptions {
  /** Claims the upload with this token until `until`. An attempt may begin while `now` is before `expiresAt`. */
  begin(
    putToken: string,
    claim: { readonly id: string; readonly now: number; readonly until: number },
  ): Promise<Reception>;
  /** Returns false if the claim was lost: it ended, or the upload was deleted. */
  renew(id: string, claim: string, until: number): Promise<boolean>;
  /** Makes it `READY`. Returns null if the claim was lost; the bytes must then be removed again. */
  finish(id: string, claim: string, kept: KeptUpload, now: number): Promise<Upload | null>;
  /** Gives the claim up, so that the bytes can be sent again at once. */
  abandon(id: string, claim: string): Promise<void>;
  /** Returns the upload that is served under `name`; null unless it is `READY` and not erased. */
  findServed(name: string): Promise<Upload | null>;
}
