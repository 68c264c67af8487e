/** Iterates over a value that changes. */
import type { Readable } from './readable.js';

/** Yields the value now and after each change; a slow reader gets the newest. @throws the signal's reason */
export async function* changes<Value>(
  { subscribe, getSnapshot }: Readable<Value>,
  signal: AbortSignal,
): AsyncGenerator<Value, void, void> {
  let wake = (): void => {};
  const hear = (): void => wake();
  const unsubscribe = subscribe(hear);
  signal.addEventListener('abort', hear);
  try {
    let seen: Value | undefined;
    for (;;) {
      signal.throwIfAborted();
      const value = getSnapshot();
      if (value === seen) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else {
        seen = value;
        yield value;
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', hear);
  }
}
