/** From what Akool says (a callback, an answer of the results endpoint) to the event it means for a job. */
import type { ProviderStatus } from '../akool/akool-client.js';
import { jobErrorForFailedResult } from '../akool/codes.js';
import { readProviderUrl } from '../akool/provider-url.js';
import type { JobError } from './job-error.js';
import type { ProviderReport } from './job-event.js';

/** Akool keeps results for 7 days (page "Face Swap Pro"). */
export const RESULT_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;

export interface Said {
  readonly status: ProviderStatus;
  readonly url: string | null;
  readonly reason: string | null;
}

/** What a job's report is read with. */
export interface Reading {
  /** The address that Akool is called at. */
  readonly baseUrl: string;
  /** When Akool made the result, milliseconds since 1970: its life counts from then. */
  readonly madeAt: number;
  /** Whether results are to be kept. */
  readonly keep: boolean;
  /** What must not be repeated from Akool's words. */
  readonly secrets: readonly string[];
}

/** Null when the result is said to be there, but not at an address that can be used. */
export function providerReport(
  said: Said,
  { baseUrl, madeAt, keep, secrets }: Reading,
): ProviderReport | null {
  switch (said.status) {
    case 1:
      return { status: 'QUEUED' };
    case 2:
      return { status: 'PROCESSING' };
    case 3: {
      const url = said.url === null ? null : readProviderUrl(said.url, baseUrl);
      return url === null ? null : { status: 'COMPLETED', url, expiresAt: madeAt + RESULT_LIFETIME_MS, keep };
    }
    case 4:
      return { status: 'FAILED', error: jobErrorForFailedResult(said.reason, secrets) };
  }
}

export const RESULT_UNUSABLE: JobError = {
  code: 'RESULT_UNUSABLE',
  message:
    'Akool generated the result and billed it, but gave no address at which it can be fetched. ' +
    "The operator finds Akool's words in the gateway's log; submitting again is billed again.",
  providerCode: null,
  retryable: false,
};
