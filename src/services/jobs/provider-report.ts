/** From what Akool says (a webhook, an answer of the results endpoint) to the event it means for a job. */
import type { ProviderStatus } from '../akool/akool-client.js';
import { jobErrorForFailedResult } from '../akool/codes.js';
import type { ProviderReport } from './job.js';

/** Akool keeps results for 7 days (page "Face Swap Pro"). */
export const RESULT_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * @param madeAt when Akool made the result, milliseconds since 1970: its life counts from then.
 * @returns null when the result is said to be there but no address of it is given: not news yet.
 */
export function providerReport(said: {
  readonly status: ProviderStatus;
  readonly url: string | null;
  readonly message: string | null;
  readonly madeAt: number;
  /** Whether results are to be kept. */
  readonly keep: boolean;
}): ProviderReport | null {
  switch (said.status) {
    case 1:
      return { status: 'QUEUED' };
    case 2:
      return { status: 'PROCESSING' };
    case 3:
      return said.url === null
        ? null
        : {
            status: 'COMPLETED',
            url: said.url,
            expiresAt: said.madeAt + RESULT_LIFETIME_MS,
            keep: said.keep,
          };
    case 4:
      return { status: 'FAILED', error: jobErrorForFailedResult(said.message) };
  }
}
