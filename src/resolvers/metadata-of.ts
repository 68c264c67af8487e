/** Reads the metadata of a job. */
import type { JobNode } from '../schema/job-node.js';
import type { GatewayContext } from './context.js';
import type { OrPromise } from './request-of.js';

/**
 * Like a request, it is read only if it is selected, and counted for the answer before.
 *
 * @throws GatewayError BAD_USER_INPUT or RATE_LIMITED if the answer is too large
 */
export function metadataOf(node: JobNode, context: GatewayContext): OrPromise<object | null> {
  // Whoever holds a follow token, such as a user's browser, need not know what the caller notes for itself.
  if (context.caller.onlyJob !== null || node.job.metadataBytes === 0) return null;
  node.metadata ??= read(node, context);
  return node.metadata;
}

async function read(
  { job: { id, metadataBytes } }: JobNode,
  { turn, answer, reads }: GatewayContext,
): Promise<object | null> {
  await turn.read(metadataBytes);
  answer.take(metadataBytes);
  return reads.metadata(id);
}
