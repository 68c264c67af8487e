import { setImmediate } from 'node:timers/promises';
import DataLoader from 'dataloader';

/** Loads a value by job id; null if the job has none. */
export type SharedReads<Value> = Pick<DataLoader<string, Value | null>, 'load'>;

/**
 * Batches lookups by job id, so that a query which selects the same field of hundreds of jobs reads once, or a
 * few times. Reads are made one after the other, and other requests are served in between. Nothing is cached:
 * a value is as of its lookup, or later.
 *
 * @param maxIds per read
 */
export function sharedReads<Value>(
  readAll: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
  maxIds = Number.POSITIVE_INFINITY,
): SharedReads<Value> {
  /** The last read. */
  let reading: Promise<unknown> = Promise.resolve();
  let turn: Promise<unknown> = Promise.resolve();
  const loader = new DataLoader<string, Value | null>(
    async (ids) => {
      // Whoever asks from now on needs another read.
      for (const id of ids) loader.clear(id);
      const read = readAll(ids);
      reading = read;
      const values = await read;
      return ids.map((id) => values.get(id) ?? null);
    },
    {
      maxBatchSize: maxIds,
      batchScheduleFn: (dispatch) => {
        turn = turn
          .then(() => setImmediate())
          .then(() => {
            dispatch();
            return reading;
          })
          // Those who asked are told.
          .catch(() => {});
      },
    },
  );
  return loader;
}
