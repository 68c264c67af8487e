/**
 * Keeps jobs, and lists of jobs, in Apollo's cache up to date.
 *
 *     const stop = followJobs(client);
 */
import { type ApolloClient, gql, type TypedDocumentNode } from '@apollo/client';
import type { Job } from '../job.js';
import { possibleTypes } from './cache-policies.js';
import { placeInLists, readListsAgain } from './cached-lists.js';
import { JOB_FIELDS } from './fragments.js';

interface JobsChange {
  readonly kind: 'CHANGED' | 'DELETED' | 'MOVED' | 'CURRENT' | 'RESYNC';
  readonly deletedId: string | null;
  readonly job: Job | null;
}

const JOBS_CHANGED: TypedDocumentNode<{ jobsChanged: JobsChange }> = /* @__PURE__ */ gql`
  subscription JobsChanged { jobsChanged { kind deletedId job { ...GatewayJob } } }
  ${JOB_FIELDS}
`;

/**
 * Follows all jobs of the caller until the returned function is called. New jobs enter the lists that they belong to, and
 * deleted ones leave them; what `fetchMore` has loaded stays. Lists are read again at the start, after a lost connection,
 * and if a query does not select what tells the place of a job: `createdAt`, and `pageInfo { hasNextPage }`.
 */
export function followJobs(client: ApolloClient): () => void {
  const following = client.subscribe({ query: JOBS_CHANGED }).subscribe(({ data }) => {
    if (!data) return;
    const { kind, deletedId, job } = data.jobsChanged;
    switch (kind) {
      case 'CHANGED':
        if (job !== null) placeInLists(client, job);
        break;
      case 'DELETED':
        for (const __typename of possibleTypes['Job'] ?? []) {
          const id = client.cache.identify({ __typename, id: deletedId });
          if (id !== undefined) client.cache.evict({ id });
        }
        break;
      case 'CURRENT':
      case 'RESYNC':
        readListsAgain(client);
        break;
      case 'MOVED':
        // The cache has the new position already.
        break;
    }
  });
  return () => following.unsubscribe();
}
