/** Logs each job that ends, in one line. */
import type { Logger } from 'pino';
import type { Job } from '../jobs/job.js';
import type { JobError, JobErrorCode } from '../jobs/job-error.js';
import type { JobService } from '../jobs/job-service.js';

/** What the operator has to do; other failures are between the client and Akool. */
const ADVICE: Partial<Record<JobErrorCode, string>> = {
  PROVIDER_AUTHENTICATION:
    'Akool refuses the credentials: check AKOOL_API_KEY, AKOOL_CLIENT_ID and AKOOL_AUTH',
  INSUFFICIENT_CREDIT: 'the Akool account has too little credit: top it up',
  ACCOUNT_PROBLEM: 'Akool refuses the account: see its dashboard',
  PROVIDER_UNAVAILABLE: "Akool's face detection fails: the job's error says why",
  SUBMIT_UNCONFIRMED:
    'it may have been billed: look for it in the Akool dashboard before submitting it again',
  RESULT_UNUSABLE: "it was billed: see Akool's answer earlier in this log",
};

const NEVER_ACCEPTED =
  "Akool accepted no attempt to send it: the job's error says why; check the network, AKOOL_BASE_URL and AKOOL_TIMEOUT_MS";

function adviceOn({ code }: JobError, { providerId, attempts }: Pick<Job, 'providerId' | 'attempts'>) {
  const wasTried = code === 'DEADLINE_EXCEEDED' && providerId === null && attempts > 0;
  return wasTried ? NEVER_ACCEPTED : ADVICE[code];
}

/** @returns ends it */
export function logEndedJobs(jobs: Pick<JobService, 'onChange'>, log: Logger): () => void {
  return jobs.onChange(
    ({ id, status, finishedAt, updatedAt, createdAt, attempts, providerId, error, result, eraseAt }) => {
      // Later changes of a finished job (its result was copied, it was deleted) are not its end.
      if (finishedAt === null || finishedAt !== updatedAt || result?.archive != null || eraseAt !== null)
        return;
      const fields = { job: id, status, attempts, ms: finishedAt - createdAt };
      if (error === null) {
        log.info(fields, 'job ended');
        return;
      }
      const { code, providerCode } = error;
      const advice = adviceOn(error, { providerId, attempts });
      log.warn({ ...fields, code, providerCode, advice }, 'job ended');
    },
  );
}
