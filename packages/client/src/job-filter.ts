/** Which jobs a filter selects, as the gateway selects them. */
import type { Job } from './job.js';
import type { JobFilter } from './job-list.js';

export function matches({ status, createdAfter, createdBefore, reference }: JobFilter, job: Job): boolean {
  const createdAt = Date.parse(job.createdAt);
  return (
    (!status || status.includes(job.status)) &&
    // An absent time is NaN, with which every comparison is false.
    !(createdAt <= Date.parse(`${createdAfter}`)) &&
    !(createdAt >= Date.parse(`${createdBefore}`)) &&
    (reference === undefined || reference === job.reference)
  );
}
