/** Keeps a list of jobs up to date. */
import { changes } from './changes.js';
import type { RequestRefused } from './errors.js';
import type { Job } from './job.js';
import { matches } from './job-filter.js';
import type { FollowAllOptions, JobList, JobListSnapshot, JobPage } from './job-list.js';
import type { Line } from './line.js';
import { whileLooked, writable } from './readable.js';
import { isFinal, type RequestOptions } from './request.js';
import { isShallowEqual } from './shallow-equal.js';

const PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 100;
/** After a gap, a list that is longer than this is read again only so far. */
const MAX_READ_AGAIN = 500;

export function createJobList(
  line: Line,
  { filter = {}, pageSize = PAGE_SIZE }: FollowAllOptions = {},
): JobList {
  const state = writable<JobListSnapshot>({ jobs: [], loading: true, hasMore: false, error: null });
  /** What is shown, from the newest job to the oldest one that was read. */
  let shown = new Map<string, Job>();
  let cursor: string | null = null;
  /** When the oldest job that was read was created, whether or not it is still shown; before the first page, after all. */
  let readTo = '~';
  /** What the store told while pages were read; null while none are. */
  let told: Map<string, Job | null> | null = null;
  let isStale = true;

  const show = (more: Partial<JobListSnapshot> = {}): void => {
    const before = state.getSnapshot();
    const sorted: readonly Job[] = [...shown.values()].sort(
      (a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt),
    );
    const jobs = isShallowEqual(sorted, before.jobs) ? before.jobs : sorted;
    const after = { ...before, ...more, jobs };
    if (!isShallowEqual(after, before)) state.set(after);
  };
  const place = (id: string, job: Job | null): void => {
    if (!job || !matches(filter, job)) shown.delete(id);
    else if (shown.has(id)) shown.set(id, job);
    // Of two of the same time, the one that was heard of later is the newer one.
    else if (job.createdAt >= readTo) shown = new Map([[id, job], ...shown]);
  };
  const hear = (id: string, job: Job | null): void => {
    told?.set(id, job);
    place(id, job);
    show();
  };

  /** Reads from `from` on, until there are as many as wanted, then. @param from null for the whole list anew */
  const load = async (from: string | null, wanted: () => number, options?: RequestOptions): Promise<void> => {
    const seen = new Map<string, Job | null>();
    told = seen;
    try {
      const found: Job[] = [];
      let after = from;
      let page: JobPage;
      do {
        const first = Math.min(MAX_PAGE_SIZE, wanted() - found.length);
        page = await line.jobs({ first, after, filter }, options);
        found.push(...page.jobs);
        after = page.endCursor ?? after;
      } while (page.hasMore && found.length < wanted());
      if (from === null) shown.clear();
      for (const job of found) if (matches(filter, job)) shown.set(job.id, job);
      cursor = after;
      const { hasMore } = page;
      readTo = hasMore ? (found.at(-1)?.createdAt ?? readTo) : '';
      for (const [id, job] of seen) place(id, job);
      show({ hasMore, loading: false, error: null });
    } catch (error) {
      // A poll that is not answered is no news: the connection's state says so.
      if (!options || isFinal(line.gateway, error as RequestRefused)) fail(error);
      throw error;
    } finally {
      told = null;
    }
  };
  const fail = (error: unknown): void => show({ loading: false, error });

  /** One at a time. */
  let busy: Promise<unknown> = Promise.resolve();
  const inTurn = (next: () => Promise<void>): Promise<void> => {
    const turn = busy.then(next);
    busy = turn.catch(() => {});
    return turn;
  };
  const refresh = (isLive: boolean, options?: RequestOptions): Promise<void> =>
    inTurn(async () => {
      // New jobs that are shown meanwhile count too, or older ones would vanish for them.
      const wanted = (): number => Math.min(MAX_READ_AGAIN, Math.max(pageSize, shown.size));
      await load(null, wanted, options);
      isStale = !isLive;
    });

  /** After a gap, moves in the queue are not told again. */
  const isOutdated = (): boolean => isStale || [...shown.values()].some(({ status }) => status === 'WAITING');

  const readable = whileLooked(state, () => {
    isStale = true;
    const unwatch = line.store.watch(hear);
    const unfollow = line.followChanges({ isStale: isOutdated, refresh, fail });
    return () => {
      unwatch();
      unfollow();
    };
  });

  return {
    ...readable,
    loadMore: async () => {
      const { loading, hasMore } = state.getSnapshot();
      if (loading || !hasMore) return;
      show({ loading: true });
      await inTurn(() => load(cursor, () => pageSize)).catch(() => {});
    },
    [Symbol.asyncIterator]: () => changes(readable, line.gateway.closed),
  };
}
