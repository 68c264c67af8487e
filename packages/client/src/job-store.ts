/** The newest known state of each job, from whatever source: an older one never replaces it. */
import { noSuchJob } from './errors.js';
import type { Job } from './job.js';

export interface JobEntry {
  readonly id: string;
  job: Job | null;
  /** When `job` was asked for, as a number that grows; an event was asked for when it came. */
  asked: number;
  isDeleted: boolean;
  /** Set once nothing more will come. */
  end: { readonly error: unknown } | null;
  readonly listeners: Set<() => void>;
  stop: () => void;
}

export interface JobStore {
  entry(id: string): JobEntry;
  /** For a request that begins now. */
  ask(): number;
  /** Returns the newest state, which may be another one; null if the job was deleted. */
  put(job: Job, asked?: number): Job | null;
  remove(id: string): void;
  /** Calls `listener` with each accepted state, and with null for each deletion. */
  watch(listener: (id: string, job: Job | null) => void): () => unknown;
}

/** Those that nobody follows are forgotten beyond this. */
const MAX_ENTRIES = 2000;

export function createJobStore(): JobStore {
  const entries = new Map<string, JobEntry>();
  const watchers = new Set<(id: string, job: Job | null) => void>();
  let asks = 0;

  const entryOf = (id: string): JobEntry => {
    let entry = entries.get(id);
    if (entry) {
      // The least recently used come first.
      entries.delete(id);
    } else {
      entry = { id, job: null, asked: 0, isDeleted: false, end: null, listeners: new Set(), stop() {} };
      for (const [old, { listeners }] of entries) {
        if (entries.size < MAX_ENTRIES) break;
        if (listeners.size === 0) entries.delete(old);
      }
    }
    entries.set(id, entry);
    return entry;
  };
  const tell = ({ id, job, asked, listeners }: JobEntry): void => {
    // A state that was given, not asked for, may be of a job that is gone.
    for (const watcher of asked ? [...watchers] : []) watcher(id, job);
    for (const listener of [...listeners]) listener();
  };
  const ask = (): number => ++asks;

  return {
    entry: entryOf,
    ask,
    put: (job, asked = ask()) => {
      const entry = entryOf(job.id);
      const newer = job.version - (entry.job?.version ?? 0);
      // Positions move without a new version.
      if (!entry.isDeleted && (newer > 0 || (newer === 0 && asked > entry.asked))) {
        const isSame = JSON.stringify(job) === JSON.stringify(entry.job);
        entry.asked = asked;
        if (!isSame) {
          entry.job = job;
          tell(entry);
        }
      }
      return entry.job;
    },
    remove: (id) => {
      const entry = entryOf(id);
      entry.isDeleted = true;
      entry.end = { error: noSuchJob() };
      entry.job = null;
      entry.stop();
      tell(entry);
    },
    watch: (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}
