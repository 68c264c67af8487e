/** What can happen to a job: see transition.ts for what it makes of it. */
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
      /** What blocks dispatch now. */
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
      /** Null: as soon as it is its turn again. */
      readonly retryAt: number | null;
      readonly deadlineAt: number;
      readonly reason: string;
    }
  /** Akool refused it for the account's sake. */
  | {
      readonly type: 'held';
      readonly at: number;
      readonly retryAt: number | null;
      readonly deadlineAt: number;
      readonly hold: Pick<AccountHold, 'reason' | 'since'>;
      /** The balance at which it was refused for want of credit; null: for another reason. */
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
      /** When Akool is asked all the same, in case the result comes late; for a job that has an `_id`. */
      readonly pollAt?: number;
    }
  | { readonly type: 'canceled'; readonly at: number }
  | { readonly type: 'archived'; readonly at: number; readonly archive: ArchivedFile }
  | { readonly type: 'deleted'; readonly at: number };

/** What Akool says of a job. */
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
