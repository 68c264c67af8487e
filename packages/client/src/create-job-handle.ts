/** Lets any number of readers look at one job. */
import { changes } from './changes.js';
import { JobFailed } from './errors.js';
import type { Job, JobResult } from './job.js';
import type { JobHandle, JobSnapshot } from './job-handle.js';
import type { JobEntry } from './job-store.js';
import type { Line } from './line.js';
import { whileLooked, writable } from './readable.js';
import { isShallowEqual } from './shallow-equal.js';

const FOLLOW_TOKEN_SECONDS = 3600;

/** @param id of a job, or a promise of it while it is being submitted */
export function createJobHandle(line: Line, id: string | Promise<string>, signal?: AbortSignal): JobHandle {
  const { store, gateway } = line;
  const state = writable<JobSnapshot>({ job: null, error: null, done: false });
  const known = Promise.resolve(id);
  let entry: JobEntry | undefined;
  let isLooked = false;
  let leave = (): void => {};

  const set = (next: JobSnapshot): void => {
    state.set(next);
    // What is done stays as it is.
    if (next.done) signal?.removeEventListener('abort', abort);
  };
  const fail = (error: unknown): void => set({ job: state.getSnapshot().job, error, done: true });
  const refresh = (): void => {
    const before = state.getSnapshot();
    if (!entry || signal?.aborted) return;
    const { end } = entry;
    const after = { job: entry.job ?? before.job, error: end?.error ?? null, done: end !== null };
    if (!isShallowEqual(after, before)) set(after);
  };
  const look = (): void => {
    if (!entry || !isLooked || signal?.aborted) return;
    const { job } = state.getSnapshot();
    // The store forgets what nobody looks at.
    entry = store.entry(entry.id);
    if (job) store.put(job, 0);
    leave = line.follow(entry, refresh);
    refresh();
  };
  const begin = (id: string): void => {
    entry = store.entry(id);
    refresh();
    look();
  };
  const abort = (): void => {
    leave();
    fail(signal?.reason);
  };
  if (typeof id === 'string') begin(id);
  else known.then(begin, fail);
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();

  const readable = whileLooked(state, () => {
    isLooked = true;
    look();
    return () => {
      isLooked = false;
      leave();
    };
  });

  async function* states(more?: AbortSignal): AsyncGenerator<Job, void, void> {
    let version = 0;
    for await (const { job, error, done } of changes(readable, more ?? gateway.closed)) {
      if (job && job.version > version) {
        version = job.version;
        yield job;
      }
      // There may be news since.
      if (state.getSnapshot().job !== job) continue;
      if (error) throw error;
      if (done) return;
    }
  }

  return {
    ...readable,
    id: known,
    [Symbol.asyncIterator]: () => states(),
    result: async ({ archived = false, signal: more } = {}) => {
      let result: JobResult | null = null;
      for await (const job of states(more)) {
        result = job.result;
        if (result && (result.archived || !archived)) break;
        if (job.finishedAt && !result) throw new JobFailed(job);
      }
      // Without one, an iteration ends with an error.
      return result as JobResult;
    },
    cancel: async () => line.cancel(await known),
    delete: async () => line.delete(await known),
    followToken: async (seconds = FOLLOW_TOKEN_SECONDS) => line.followToken(await known, seconds),
  };
}
