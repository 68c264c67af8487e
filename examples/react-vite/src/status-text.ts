import type { Job, JobStatus } from '@face-swap-gateway/client';

const TEXTS: Readonly<Record<JobStatus, string>> = {
  WAITING: 'Waiting',
  SUBMITTING: 'Starting',
  UNCONFIRMED: 'Starting',
  QUEUED: 'Queued',
  PROCESSING: 'Swapping faces',
  COMPLETED: 'Done',
  FAILED: 'Failed',
  CANCELED: 'Canceled',
};

export function statusText({ status, queuePosition }: Job): string {
  return queuePosition === null ? TEXTS[status] : `${TEXTS[status]}, number ${queuePosition}`;
}
