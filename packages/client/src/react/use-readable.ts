import { useSyncExternalStore } from 'react';
import type { Readable } from '../readable.js';

/** @param first for a server, and for the first rendering in a browser, which must not differ from it */
export function useReadable<Value>({ subscribe, getSnapshot }: Readable<Value>, first: Value): Value {
  return useSyncExternalStore(subscribe, getSnapshot, () => first);
}
