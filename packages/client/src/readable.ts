/** A value that changes, in the form that React's `useSyncExternalStore` takes. Both functions can be passed on alone. */
export interface Readable<Value> {
  /** Calls `listener` after each change, until the function that it returns is called. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Returns the same object until something has changed. */
  readonly getSnapshot: () => Value;
}

export interface Writable<Value> extends Readable<Value> {
  /** The function that it returns tells whether it has ended something. */
  readonly subscribe: (listener: () => void) => () => boolean;
  readonly set: (value: Value) => void;
}

export function writable<Value>(value: Value): Writable<Value> {
  const listeners = new Set<() => void>();
  return {
    getSnapshot: () => value,
    subscribe: (listener) => {
      // Each subscription counts, also of the same function.
      const own = (): void => listener();
      listeners.add(own);
      return () => listeners.delete(own);
    },
    set: (next) => {
      if (next === value) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
  };
}

/** The same value, kept up to date while somebody subscribes: `begin` is called for the first one, and what it returns after the last. */
export function whileLooked<Value>(
  { getSnapshot, subscribe }: Writable<Value>,
  begin: () => () => void,
): Readable<Value> {
  let lookers = 0;
  let end: () => void;
  return {
    getSnapshot,
    subscribe: (listener) => {
      const unsubscribe = subscribe(listener);
      if (lookers++ === 0) end = begin();
      return () => {
        if (unsubscribe() && --lookers === 0) end();
      };
    },
  };
}
