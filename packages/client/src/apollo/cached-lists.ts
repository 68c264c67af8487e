/** Lists of jobs in Apollo's cache, as `relayStylePagination(['filter'])` stores them. */
import type { ApolloClient, Reference } from '@apollo/client';
import type { ModifierDetails } from '@apollo/client/cache';
import type { Job } from '../job.js';
import { matches } from '../job-filter.js';
import type { JobFilter } from '../job-list.js';

interface CachedList {
  readonly edges: readonly { readonly node: Reference }[];
  /** What a query has selected of it. */
  readonly pageInfo?: { readonly hasNextPage?: boolean };
}

/** Lists that are shown are read at once, and others when they are shown again. */
export function readListsAgain(client: ApolloClient): void {
  client.refetchQueries({
    updateCache: (cache) => cache.modify({ fields: { jobs: (_list, { INVALIDATE }) => INVALIDATE } }),
  });
}

/** Puts a job into the lists that it belongs to, and takes it out of the others. */
export function placeInLists(client: ApolloClient, job: Job): void {
  let isUnsure = false;
  client.cache.modify({
    fields: {
      jobs: (list: CachedList | Reference, details) => {
        const placed = details.isReference(list) ? null : withJob(list, job, details);
        isUnsure ||= placed === null;
        return placed ?? list;
      },
    },
  });
  if (isUnsure) readListsAgain(client);
}

/** Returns null if the place of the job is not known. */
function withJob(
  list: CachedList,
  job: Job,
  { storeFieldName, canRead, readField, toReference }: ModifierDetails,
): CachedList | null {
  const filter = filterIn(storeFieldName);
  const node = toReference({ __typename: job.__typename, id: job.id });
  if (filter === null || node === undefined) return null;
  // Deleted jobs leave their edges behind.
  const edges = list.edges.filter((edge) => canRead(edge.node));
  const others = edges.filter((edge) => readField('id', edge.node) !== job.id);
  const isListed = others.length < edges.length;
  if (matches(filter, job) === isListed) return list;
  if (isListed) return { ...list, edges: others };

  const times = edges.map((edge) => readField<string>('createdAt', edge.node));
  if (times.includes(undefined)) return null;
  const next = times.findIndex((time) => Date.parse(`${time}`) < Date.parse(job.createdAt));
  if (next === -1 && list.pageInfo?.hasNextPage !== false) {
    // It is on a page that was not loaded.
    return list.pageInfo?.hasNextPage === true ? list : null;
  }
  const place = next === -1 ? edges.length : next;
  return { ...list, edges: [...edges.slice(0, place), { node }, ...edges.slice(place)] };
}

/** Returns null if the app keeps lists by other arguments. */
function filterIn(storeFieldName: string): JobFilter | null {
  const [, args] = /^jobs:(\{.*\})$/.exec(storeFieldName) ?? [];
  return args === undefined ? null : ((JSON.parse(args) as { filter?: JobFilter | null }).filter ?? {});
}
