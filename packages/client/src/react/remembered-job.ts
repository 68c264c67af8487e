import type { FaceSwap } from '../face-swap.js';

/** Remembers in a tab which job it shows, so that the job is there after a reload. */
export interface RememberedJob {
  /** Returns null or an empty text if there is none. */
  readonly get: () => string | null;
  /** @param id an empty text to forget it */
  readonly set: (id: string) => void;
}

/** Without a scope nothing is remembered, because the next one may be somebody else. */
export function rememberedJob({ scope, url }: Pick<FaceSwap, 'scope' | 'url'>): RememberedJob {
  const name = `face-swap ${scope} ${url}`;
  /** Storage may be forbidden. */
  const attempt = <Value>(action: (storage: Storage) => Value): Value | null => {
    try {
      return scope ? action(sessionStorage) : null;
    } catch {
      return null;
    }
  };
  return {
    get: () => attempt((storage) => storage.getItem(name)),
    set: (id) => void attempt((storage) => storage.setItem(name, id)),
  };
}
