import { jobNotFound } from '../errors.js';
import type { JobNode } from '../schema/job-node.js';
import type { JobRequest } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';

/**
 * Returns the request of a job. It may be large, so it is read only if one of its fields is selected, and
 * once for all fields of a node.
 *
 * @throws GatewayError NOT_FOUND if the job was deleted meanwhile; BAD_USER_INPUT or RATE_LIMITED if the
 *   answer is too large
 */
export function requestOf<Kind extends JobRequest['kind']>(
  node: JobNode,
  context: GatewayContext,
): Promise<Extract<JobRequest, { readonly kind: Kind }>> {
  node.request ??= read(node, context);
  return node.request as Promise<Extract<JobRequest, { readonly kind: Kind }>>;
}

async function read(
  { job, submitted }: JobNode,
  { requests, turn, answer, services: { log } }: GatewayContext,
): Promise<JobRequest> {
  const mayGoOn = turn.read(job.requestBytes);
  if (mayGoOn !== undefined) await mayGoOn;
  answer.take(job.requestBytes);
  const request = await requests.of(job.id).catch((error: unknown) => {
    // An error would remove a job that was just stored from the answer.
    if (submitted === null) throw error;
    log.warn({ err: error, job: job.id }, 'a stored job is answered with the request as it was submitted');
    return submitted;
  });
  if (request === null) throw jobNotFound();
  return request;
}
