/** Claims on results, held while these are copied: nobody else copies them, and the eraser waits for the writer. */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { ARCHIVE_CLAIM_MS, type Job } from '../jobs/job.js';
import type { JobStore } from '../jobs/job-store.js';

const RENEW_MS = 5000;
/** What is left of a claim that can't be renewed when its attempt is aborted: a write takes a moment to end. */
const MARGIN_MS = 8000;

/** The claim could not be renewed in time, or nobody wants the result any more. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
}

interface ClaimParts {
  readonly store: Pick<JobStore, 'rescheduleArchive'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Renews the claim while `attempt` runs, and aborts `attempt` before a claim that can't be renewed ends. One claim for
 * all of ARCHIVE_TIMEOUT_MS would need no timer, but after a crash the result would not be copied for that long.
 *
 * @param heldUntil on the steady clock
 * @throws ClaimLostError, and what `attempt` throws
 */
export async function whileClaimed(
  { store, clock, log }: ClaimParts,
  { id, archiveAttempts: attempts }: Job,
  heldUntil: number,
  attempt: (claimed: AbortSignal) => Promise<void>,
): Promise<void> {
  const lost = new AbortController();
  let until = heldUntil;
  let isRenewing = false;
  const renew = async (): Promise<void> => {
    const begun = clock.steady();
    const at = clock.now() + ARCHIVE_CLAIM_MS;
    if (await store.rescheduleArchive(id, { at, attempts })) until = begun + ARCHIVE_CLAIM_MS;
    else lost.abort(new ClaimLostError('the result is no longer wanted'));
  };
  const timer = setInterval(() => {
    if (clock.steady() >= until - MARGIN_MS) {
      lost.abort(new ClaimLostError('the claim could not be renewed'));
    }
    if (isRenewing || lost.signal.aborted) return;
    isRenewing = true;
    renew()
      .catch((error: unknown) => log.warn({ err: error, job: id }, 'a claim was not renewed'))
      .finally(() => {
        isRenewing = false;
      });
  }, RENEW_MS);
  try {
    await attempt(lost.signal);
  } catch (error) {
    throw lost.signal.aborted ? lost.signal.reason : error;
  } finally {
    clearInterval(timer);
  }
}
