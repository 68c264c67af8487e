/**
 * What to select of jobs and uploads.
 *
 *     const JOB = gql`
 *       query Job($id: ID!) { job(id: $id) { ...GatewayJob } }
 *       ${JOB_FIELDS}
 *     `;
 */
import { gql, type TypedDocumentNode } from '@apollo/client';
import type { Job } from '../job.js';

/** `GatewayJob` on `Job`: all that a front end shows of a job, with the `id` and `version` that links and caches need. */
export const JOB_FIELDS: TypedDocumentNode<Job> = gql`
  fragment GatewayJob on Job {
    __typename
    id
    status
    version
    queuePosition
    waitingReason
    createdAt
    updatedAt
    finishedAt
    reference
    metadata
    result {
      url
      providerUrl
      providerUrlExpiresAt
      archived
      contentType
      byteSize
      sha256
      downloadUrl
      thumbnailUrl
    }
    error {
      code
      message
      providerCode
      retryable
      audience
      userMessage
    }
    ... on FaceSwapJob {
      sourceImage {
        path
      }
      targetImage {
        path
      }
    }
    ... on FaceSwapPlusJob {
      sourceUrl
      targetUrl
    }
  }
`;
