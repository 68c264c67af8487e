/** The errors of jobs whose time has run out. */
import { type AccountHold, isTooDear } from '../jobs/account-hold.js';
import type { Job, JobUpdate } from '../jobs/job.js';
import type { JobError } from '../jobs/job-error.js';

export function whyNeverAccepted(
  job: Job,
  history: readonly JobUpdate[],
  hold: AccountHold | null,
): JobError {
  if (hold !== null && (hold.blocks || isTooDear(hold, job))) {
    const message = `${hold.error.message} The job waited for this to change until it expired; nothing was billed.`;
    return { ...hold.error, message };
  }
  const answer = history.findLast(({ source }) => source === 'SUBMIT')?.note ?? null;
  if (answer === null) return WAITED_TOO_LONG;
  const times = job.attempts === 1 ? 'once' : `${job.attempts} times`;
  const reason = answer.replace(/\.$/, '');
  return {
    ...WAITED_TOO_LONG,
    message: `The job was tried ${times} and never accepted (the last time: ${reason}); nothing was billed. Submit it again.`,
  };
}

const WAITED_TOO_LONG: JobError = {
  code: 'DEADLINE_EXCEEDED',
  message: 'The job waited too long for a free slot and was never sent; nothing was billed. Submit it again.',
  providerCode: null,
  retryable: true,
};

export const TOOK_TOO_LONG: JobError = {
  code: 'DEADLINE_EXCEEDED',
  message:
    'Akool did not finish the job in time, and may have billed it. If the result still arrives, the job is ' +
    'completed. Check that the pictures can be downloaded and show clear faces.',
  providerCode: null,
  retryable: false,
};

export const NEVER_CONFIRMED: JobError = {
  code: 'SUBMIT_UNCONFIRMED',
  message:
    'The job was sent, but Akool never said whether it accepted it, so it may have been billed. ' +
    'It was not sent again; submit it again if you accept that.',
  providerCode: null,
  retryable: false,
};
