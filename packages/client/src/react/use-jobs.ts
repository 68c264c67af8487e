import { useMemo } from 'react';
import type { FollowAllOptions, JobList, JobListSnapshot } from '../job-list.js';
import { useFaceSwapClient } from './context.js';
import { useReadable } from './use-readable.js';

export interface FollowedJobs extends JobListSnapshot, Pick<JobList, 'loadMore'> {}

/**
 * Follows the list of the caller's jobs, newest first, while the component is mounted: new and deleted ones, states,
 * and positions in the queue. What happened while the connection was lost is read again.
 *
 *     const { jobs, hasMore, loadMore } = useJobs({ filter: { reference: 'holiday' } });
 */
export function useJobs({ filter, pageSize }: FollowAllOptions = {}): FollowedJobs {
  const client = useFaceSwapClient();
  // A filter is usually written anew at each rendering.
  const wanted = JSON.stringify({ filter, pageSize });
  const list = useMemo(() => client.followAll(JSON.parse(wanted) as FollowAllOptions), [client, wanted]);
  // On a server nothing is read, nor before the page is hydrated.
  return { ...useReadable(list, list.getSnapshot()), loadMore: list.loadMore };
}
