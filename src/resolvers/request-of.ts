import { jobNotFound } from '../errors.js';
import type { JobNode } from '../schema/job-node.js';
import type { JobRequest } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';

/**
 * What a job was submitted with. It may be large, so it is read only for whoever selects a field of it, and once for
 * all those fields of a node.
 *
 * @throws GatewayError NOT_FOUND when the job was deleted meanwhile; BAD_USER_INPUT, RATE_LIMITED for an answer that is
 *   too large
 */
export async function requestOf<Kind extends JobRequest['kind']>(
  node: JobNode,
  { requests, answer, services: { log } }: GatewayContext,
): Promise<Extract<JobRequest, { readonly kind: Kind }>> {
  if (node.request === null) answer.take(node.job.requestBytes);
  node.request ??= requests.of(node.id).catch((error: unknown) => {
    // An error would take a job that was just stored out of the answer with it.
    if (node.submitted === null) throw error;
    log.warn({ err: error, job: node.id }, 'a stored job is answered with the request as it was submitted');
    return node.submitted;
  });
  const request = await node.request;
  if (request === null) throw jobNotFound();
  return request as Extract<JobRequest, { readonly kind: Kind }>;
}
