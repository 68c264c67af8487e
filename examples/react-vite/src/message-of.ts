import { JobFailed, RequestRefused } from '@face-swap-gateway/client';

/** What to tell the user of an error. */
export function messageOf(error: unknown): string {
  if (error instanceof JobFailed) return error.userMessage;
  if (!(error instanceof RequestRefused)) return 'Something went wrong. Please try again.';
  if (error.code === 'RATE_LIMITED')
    return `Too many at once. Try again in ${error.retryAfter ?? 60} seconds.`;
  return error.fieldErrors[0]?.message ?? error.message;
}
