/** The events of a job; transition.ts defines what each of them changes. */
import type { AccountHold } from './account-hold.js';
import type { ArchivedFile } from './job.js';
import type { JobError } from './job-error.js';
import type { FaceSwapRequest } from './job-request.js';

/** `at` is when the gateway learned of it. */
export type JobEvent =
  | { readonly type: 'leased'; readonly at: number; readonly deadlineAt: number }
  | {
      readonly type: 'moved';
      readonly at: number;
      readonly position: number;
      /** The hold that now blocks dispatch. */
      readonly hold?: Pick<AccountHold, 'reason' | 'since'> | null;
    }
  | { readonly type: 'prepared'; readonly at: number; readonly request: FaceSwapRequest }
  | {
      readonly type: 'accepted';
      readonly at: number;
      readonly pollAt: number;
      readonly providerId: string;
      readonly providerJobId: string | null;
    }
  | { readonly type: 'refused'; readonly at: number; readonly error: JobError }
  | {
      readonly type: 'not-accepted';
      readonly at: number;
      /** Null: as soon as it is its turn. */
      readonly retryAt: number | null;
      readonly deadlineAt: number;
      readonly reason: string;
    }
  /** Akool refused it because of the account. */
  | {
      readonly type: 'held';
      readonly at: number;
      readonly retryAt: number | null;
      readonly deadlineAt: number;
      readonly hold: Pick<AccountHold, 'reason' | 'since'>;
      /** The balance at which it was refused for lack of credit; null: another reason. */
      readonly creditRefused: number | null;
      readonly error: JobError;
    }
  | {
      readonly type: 'unconfirmed';
      readonly at: number;
      readonly slotFreeAt: number;
      readonly reason: string;
    }
  | {
      readonly type: 'reported';
      readonly at: number;
      readonly pollAt: number;
      readonly deadlineAt: number;
      readonly source: 'WEBHOOK' | 'POLL';
      readonly providerId: string;
      readonly report: ProviderReport;
    }
  | {
      readonly type: 'expired';
      readonly at: number;
      readonly error: JobError;
      /** When to poll nevertheless, in case the result comes late; only for a job with an `_id`. */
      readonly pollAt?: number;
    }
  | { readonly type: 'canceled'; readonly at: number }
  | { readonly type: 'archived'; readonly at: number; readonly archive: ArchivedFile }
  | { readonly type: 'deleted'; readonly at: number };

/** What the provider reports about a job. */
export type ProviderReport =
  | { readonly status: 'QUEUED' | 'PROCESSING' }
  | {
      readonly status: 'COMPLETED';
      readonly url: string;
      readonly expiresAt: number;
      /** Whether the result is to be kept. */
      readonly keep: boolean;
    }
  | { readonly status: 'FAILED'; readonly error: JobError };
