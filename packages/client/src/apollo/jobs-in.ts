/** Finds the jobs in an answer, wherever they are. */
import { possibleTypes } from './cache-policies.js';

/** What identifies a state of a job; answers hold more. */
export interface JobState {
  readonly __typename: string;
  readonly id: string;
  readonly version: number;
}

/** Whether this is a job of which `id` and `version` were selected. */
export function isJob(value: object): value is JobState {
  const { __typename, id, version } = value as Partial<Record<keyof JobState, unknown>>;
  return (
    typeof id === 'string' &&
    typeof version === 'number' &&
    typeof __typename === 'string' &&
    possibleTypes['Job']?.includes(__typename) === true
  );
}

/** Returns the jobs in `value`. It does not search in jobs: none holds another, and `metadata` may hold anything. */
export function jobsIn(value: unknown): readonly JobState[] {
  if (typeof value !== 'object' || value === null) return [];
  return isJob(value) ? [value] : Object.values(value).flatMap(jobsIn);
}

/** Returns the ids that `jobsChanged` tells to be deleted. */
export function deletedIdsIn(data: unknown): readonly string[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.values(data).flatMap((change: unknown) => {
    if (typeof change !== 'object' || change === null || !('deletedId' in change)) return [];
    return typeof change.deletedId === 'string' ? [change.deletedId] : [];
  });
}
