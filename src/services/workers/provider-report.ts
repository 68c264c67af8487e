/** Converts a callback or an answer of the results endpoint to a report about a job. */
import type { ProviderStatus } from '../akool/akool-client.js';
import { jobErrorForFailedResult } from '../akool/codes.js';
import { readProviderUrl } from '../akool/provider-url.js';
import type { JobError } from '../jobs/job-error.js';
import type { ProviderReport } from '../jobs/job-event.js';

/** Akool keeps results for 7 days (page "Face Swap Pro"). */
export const RESULT_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;

interface Said {
  readonly status: ProviderStatus;
  readonly url: string | null;
  readonly reason: string | null;
}

/** The context for reading a report. */
export interface Reading {
  /** Akool's base URL. */
  readonly baseUrl: string;
  /** When Akool made the result, in milliseconds since 1970; its lifetime counts from then. */
  readonly madeAt: number;
  /** Whether results are archived. */
  readonly keep: boolean;
  /** Secrets to remove from Akool's texts. */
  readonly secrets: readonly string[];
}

/** Returns null if the result is reported ready, but without a usable URL. */
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
    'Akool generated and billed the result, but gave no URL from which it can be downloaded. ' +
    "The operator can find Akool's answer in the gateway's log; submitting again is billed again.",
  providerCode: null,
  retryable: false,
};
