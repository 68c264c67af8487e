/** All that is done with one token: requests, and following jobs and lists with one subscription each. */
import { backoffMs } from './alarm.js';
import {
  CANCEL_JOB,
  CREATE_FOLLOW_TOKEN,
  DELETE_JOB,
  FOLLOW_JOB,
  FOLLOW_JOBS,
  READ_JOB,
  READ_JOBS,
} from './documents.js';
import { noSuchJob, type RequestRefused } from './errors.js';
import type { Job } from './job.js';
import type { FollowToken } from './job-handle.js';
import type { JobPage, JobsInput } from './job-list.js';
import { createJobStore, type JobEntry, type JobStore } from './job-store.js';
import { createRequest, type Gateway, isFinal, type Request, type RequestOptions } from './request.js';
import { createSocket, type Socket } from './socket.js';

/** A list that follows the changes of all jobs. */
export interface ChangesFollower {
  /** Whether the list has to be read, because changes were not told while it was read, or since. */
  readonly isStale: () => boolean;
  /** Reads the list again. @param isLive whether changes are told from now on */
  refresh(isLive: boolean, options?: RequestOptions): Promise<void>;
  fail(error: unknown): void;
}

export interface Line {
  readonly gateway: Gateway;
  readonly request: Request;
  readonly store: JobStore;
  readonly socket: Socket;
  job(id: string, options?: RequestOptions): Promise<Job | null>;
  jobs(input?: JobsInput, options?: RequestOptions): Promise<JobPage>;
  cancel(id: string): Promise<Job>;
  delete(id: string): Promise<void>;
  followToken(id: string, seconds: number): Promise<FollowToken>;
  /** Calls `listener` after each change of the job's entry, until the function that it returns is called. */
  follow(entry: JobEntry, listener: () => void): () => void;
  followChanges(follower: ChangesFollower): () => void;
}

interface JobsAnswer {
  readonly edges: readonly { readonly node: Job }[];
  readonly pageInfo: { readonly endCursor: string | null; readonly hasNextPage: boolean };
}

interface JobsChange {
  readonly kind: 'CURRENT' | 'CHANGED' | 'MOVED' | 'DELETED' | 'RESYNC';
  readonly cursor: string;
  readonly job: Job | null;
  readonly deletedId: string | null;
}

/** While polling: how often a COMPLETED job is asked for its copy. */
const MAX_COPY_POLLS = 5;
const ONCE = { patienceMs: 0 };

/** COMPLETED, FAILED or CANCELED. */
const hasEnded = ({ finishedAt }: Job): boolean => finishedAt !== null;
/** Whether nothing is expected to change. */
const isSettled = (job: Job): boolean => hasEnded(job) && job.result?.archived !== false;

export function createLine(gateway: Gateway, store: JobStore = createJobStore()): Line {
  const { alarm, closed } = gateway;
  const request = createRequest(gateway);
  const socket = createSocket(gateway);
  const followers = new Set<ChangesFollower>();
  let cursor: string | undefined;
  let isCurrent = false;
  let stopChanges = (): void => {};

  const read = async (query: string, variables: object, options?: RequestOptions): Promise<Job | null> => {
    const asked = store.ask();
    const job = await request<Job | null>(query, variables, options);
    return job && store.put(job, asked);
  };
  const job: Line['job'] = (id, options) => read(READ_JOB, { id }, options);

  const finish = (entry: JobEntry, error: unknown): void => {
    entry.stop();
    entry.end = { error };
    for (const listener of [...entry.listeners]) listener();
  };
  /** Reads what the subscription did not tell, and ends if there is nothing to wait for. */
  const look = async (entry: JobEntry, isEnough: (job: Job) => boolean): Promise<boolean> => {
    const found = await job(entry.id, ONCE);
    if (!entry.end && (!found || isEnough(found))) finish(entry, found ? null : noSuchJob());
    return entry.end !== null;
  };

  const later = (next: () => unknown, failures: number, retryAfter?: number | null): void => {
    alarm.sleep(backoffMs(failures), closed, retryAfter).then(next, () => {});
  };

  /** @param failures how often the gateway has completed the subscription too early, and told nothing new */
  const start = (entry: JobEntry, failures = 1): void => {
    if (entry.isDeleted) return;
    entry.stop();
    entry.end = null;
    if (closed.aborted || (entry.job && isSettled(entry.job))) {
      finish(entry, closed.reason);
      return;
    }
    const startLater = (): void =>
      later(() => {
        if (entry.listeners.size > 0) start(entry, failures + 1);
      }, failures);
    let polls = 0;
    entry.stop = socket.subscribe({
      query: FOLLOW_JOB,
      variables: () => {
        const { id, job } = entry;
        // A move in the queue is no new version, so a WAITING job is told again.
        return { id, after: job && job.version - Number(job.status === 'WAITING') };
      },
      next: (told) => {
        failures = 1;
        store.put(told as Job);
      },
      end: (error) => {
        if (error || (entry.job && hasEnded(entry.job))) finish(entry, error);
        // A job that was deleted is completed too.
        else look(entry, hasEnded).then((isOver) => isOver || startLater(), startLater);
      },
      poll: () =>
        look(entry, (found) => {
          if (found.status === 'COMPLETED') polls += 1;
          return isSettled(found) || polls >= MAX_COPY_POLLS;
        }),
    });
  };

  const refresh = (follower: ChangesFollower, failures = 0): void => {
    follower.refresh(isCurrent).catch((error) => {
      if (isFinal(gateway, error)) return;
      const again = () => followers.has(follower) && refresh(follower, failures + 1);
      later(again, failures, error.retryAfter);
    });
  };
  const change = ({ kind, cursor: next, job: changed, deletedId }: JobsChange): void => {
    cursor = next;
    if (changed) store.put(changed);
    if (deletedId) store.remove(deletedId);
    if (kind !== 'CURRENT' && kind !== 'RESYNC') return;
    isCurrent = true;
    for (const follower of [...followers]) if (kind === 'RESYNC' || follower.isStale()) refresh(follower);
  };
  const startChanges = (): void => {
    if (closed.aborted) return;
    stopChanges();
    isCurrent = false;
    stopChanges = socket.subscribe({
      query: FOLLOW_JOBS,
      variables: () => ({ after: cursor }),
      next: (told) => change(told as JobsChange),
      end: (error) => {
        if (error) for (const follower of [...followers]) follower.fail(error);
        else later(() => followers.size > 0 && startChanges(), 1);
      },
      poll: () => Promise.all(Array.from(followers, (follower) => follower.refresh(false, ONCE))),
    });
  };

  return {
    gateway,
    request,
    store,
    socket,
    job,
    jobs: async (input = {}, options) => {
      const asked = store.ask();
      const { edges, pageInfo } = await request<JobsAnswer>(READ_JOBS, input, options);
      return {
        jobs: edges.flatMap(({ node }) => store.put(node, asked) ?? []),
        endCursor: pageInfo.endCursor,
        hasMore: pageInfo.hasNextPage,
      };
    },
    cancel: async (id) => {
      try {
        return (await read(CANCEL_JOB, { id })) as Job;
      } catch (error) {
        // An earlier attempt may have done it, without an answer.
        const found = (error as RequestRefused).code === 'CONFLICT' ? await job(id) : null;
        if (found?.status === 'CANCELED') return found;
        throw error;
      }
    },
    delete: async (id) => {
      try {
        await request(DELETE_JOB, { id });
      } catch (error) {
        // Likewise.
        const { job: known, isDeleted } = store.entry(id);
        if ((error as RequestRefused).code !== 'NOT_FOUND' || !(known || isDeleted)) throw error;
      }
      store.remove(id);
    },
    followToken: (id, seconds) => request(CREATE_FOLLOW_TOKEN, { id, seconds }),
    follow: (entry, listener) => {
      entry.listeners.add(listener);
      if (entry.listeners.size === 1) start(entry);
      return () => {
        if (!entry.listeners.delete(listener) || entry.listeners.size > 0) return;
        entry.stop();
        // Whoever looks next tries again.
        if (!entry.isDeleted && entry.end?.error) entry.end = null;
      };
    },
    followChanges: (follower) => {
      followers.add(follower);
      if (followers.size === 1) {
        cursor = undefined;
        startChanges();
      }
      // The list shows something before the socket is open; what happens until then is read afterwards.
      refresh(follower);
      return () => {
        if (followers.delete(follower) && followers.size === 0) stopChanges();
      };
    },
  };
}
