import { useMemo } from 'react';
import type { FaceSwap } from '../face-swap.js';
import type { Job } from '../job.js';
import type { FollowOptions, JobHandle, JobSnapshot } from '../job-handle.js';
import type { Readable } from '../readable.js';
import { useFaceSwapClient } from './context.js';
import { useReadable } from './use-readable.js';

/** `initial` counts when `id` is first followed. */
export type UseJobOptions = Pick<FollowOptions, 'followToken' | 'initial'>;

export interface JobActions {
  /** Takes the job back, at no cost. @throws RequestRefused CONFLICT unless it is WAITING */
  readonly cancel: () => Promise<Job>;
  /** Deletes the finished job, and its files. @throws RequestRefused CONFLICT if it has not finished */
  readonly delete: () => Promise<void>;
}

export interface FollowedJob extends JobSnapshot, JobActions {}

/**
 * Follows a job while the component is mounted. As many components as you like may follow the same one: the gateway
 * is asked once.
 *
 *     const { job, error } = useJob(id);
 *     return <p>{job?.status ?? 'Looking …'}</p>;
 *
 * @param id null or undefined while there is none
 */
export function useJob(id: string | null | undefined, options: UseJobOptions = {}): FollowedJob {
  const client = useFaceSwapClient();
  const { followToken } = options;
  // `initial` is often a new object at each rendering.
  const { state, first, actions } = useMemo(() => follow(client, id, options), [client, id, followToken]);
  return { ...useReadable(state, first), ...actions };
}

interface Followed {
  readonly state: Readable<JobSnapshot>;
  readonly first: JobSnapshot;
  readonly actions: JobActions;
}

function follow(
  client: FaceSwap,
  id: string | null | undefined,
  { followToken, initial }: UseJobOptions,
): Followed {
  const first: JobSnapshot = { job: initial ?? null, error: null, done: false };
  let handle: JobHandle | undefined;
  const known = (): JobHandle => {
    // There is no job without an id either, as the gateway will say.
    handle ??= client.follow(id ?? '', { followToken });
    return handle;
  };
  return {
    first,
    state: {
      getSnapshot: () => {
        const snapshot = id == null ? first : known().getSnapshot();
        return snapshot.job || snapshot.done ? snapshot : first;
      },
      subscribe: (listener) => {
        if (id == null) return () => {};
        // While rendering it would change what other components show of the same job.
        if (initial) handle = client.follow(id, { followToken, initial });
        return known().subscribe(listener);
      },
    },
    actions: {
      cancel: async () => known().cancel(),
      delete: async () => known().delete(),
    },
  };
}
