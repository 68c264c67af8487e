import type { JobSignal } from '../jobs/job-bus.js';
import type { ChangedJob } from '../jobs/job-store.js';

/** Returns the signal that reminds of a change; of a deletion, there is no newer version. */
export function reminderOf({ id, job, place }: ChangedJob): JobSignal {
  return {
    id,
    version: job?.version ?? Number.POSITIVE_INFINITY,
    job,
    isReminder: true,
    change: place.number,
  };
}
