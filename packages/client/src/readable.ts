/** A value that changes, in the form that React's `useSyncExternalStore` takes. Both functions can be passed on alone. */
export interface Readable<Value> {
  /** Calls `listener` after each change, until the function that it returns is called. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Returns the same object until something has changed. */
  readonly getSnapshot: () => Value;
}

export interface Writable<Value> extends Readable<Value> {
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
      return () => void listeners.delete(own);
    },
    set: (next) => {
      if (next === value) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
  };
}
