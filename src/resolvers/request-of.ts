/** Reads the request of a job for the fields that come from it. */
import { jobNotFound } from '../errors.js';
import type { JobNode } from '../schema/job-node.js';
import type { JobRequest } from '../services/jobs/job-request.js';
import type { GatewayContext } from './context.js';

export type OrPromise<Value> = Value | Promise<Value>;

/**
 * Returns a member of a job's request. The request may be large, so it is read only if one of its fields is selected,
 * and once for all fields of a node. If it is in memory, the member is returned without a promise, because graphql-js
 * takes several times as long for a field with a promise.
 *
 * @throws GatewayError NOT_FOUND if the job was deleted meanwhile; BAD_USER_INPUT or RATE_LIMITED if the
 *   answer is too large
 */
export function ofRequest<Request extends JobRequest, Name extends keyof Request>(
  node: JobNode,
  context: GatewayContext,
  name: Name,
): OrPromise<Request[Name]> {
  node.request ??= find(node, context);
  const request = node.request as OrPromise<Request>;
  return request instanceof Promise ? request.then((read) => read[name]) : request[name];
}

function find(node: JobNode, context: GatewayContext): OrPromise<JobRequest> {
  const { id, requestBytes } = node.job;
  const mayGoOn = context.turn.read(requestBytes);
  // An expensive query is answered in pieces.
  if (mayGoOn !== undefined) return mayGoOn.then(() => read(node, context));
  const kept = context.services.jobs.keptRequest(id);
  if (kept === null) return read(node, context);
  try {
    context.answer.take(requestBytes);
  } catch (error) {
    // The node's other fields share this rejection.
    return Promise.reject(error);
  }
  return kept;
}

async function read(
  { job, submitted }: JobNode,
  { reads, answer, services: { log } }: GatewayContext,
): Promise<JobRequest> {
  answer.take(job.requestBytes);
  const request = await reads.request(job.id).catch((error: unknown) => {
    // An error would remove a job that was just stored from the answer.
    if (submitted === null) throw error;
    log.warn(
      { err: error, job: job.id },
      'the request of a stored job could not be read; the submitted one was returned',
    );
    return submitted;
  });
  if (request === null) throw jobNotFound();
  return request;
}
