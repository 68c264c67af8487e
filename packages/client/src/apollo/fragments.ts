/**
 * What to select of jobs.
 *
 *     const JOB = gql`
 *       query Job($id: ID!) { job(id: $id) { ...GatewayJob } }
 *       ${JOB_FIELDS}
 *     `;
 */
import { gql, type TypedDocumentNode } from '@apollo/client';
import { JOB } from '../documents.js';
import type { Job } from '../job.js';

/**
 * `GatewayJob` on `Job`: all that a front end shows of a job, with the `id` and the `version` that the cache and
 * `refuseOlderJobs` need.
 */
export const JOB_FIELDS: TypedDocumentNode<Job> = /* @__PURE__ */ gql(`fragment GatewayJob on Job ${JOB}`);
