/** Remembers submits until they are answered, so that they survive a reload. Never a token, never what is in a file. */
import type { FaceSwapOptions, SubmitStorage } from './face-swap.js';
import type { ResumedSubmit } from './resumed-submit.js';

export interface UnansweredSubmit extends Omit<ResumedSubmit, 'outcome' | 'dismiss'> {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The GraphQL input; null while a file of it is still on its way. */
  readonly input: object | null;
}

export interface UnansweredSubmits {
  /** Also replaces an earlier state of the same submit. Returns it. */
  keep(submit: UnansweredSubmit): UnansweredSubmit;
  forget(key: string): void;
  /** Null if it was answered meanwhile, or is too old. */
  find(key: string): UnansweredSubmit | null;
  /** The keys of all, oldest first. */
  keys(): readonly string[];
  /** Calls `task` while no other page has this submit in its hands. */
  hold(key: string, task: () => Promise<unknown>): void;
}

/** A submit is repeated no longer than this. */
export const MAX_AGE_MS = 600_000;
const MAX_SUBMITS = 100;
const MAX_CHARACTERS = 65_536;
const PREFIX = 'face-swap:';

/** Without a `scope`, nothing is remembered. */
export function unansweredSubmits(options: FaceSwapOptions, closed: AbortSignal): UnansweredSubmits {
  const { scope, url } = options;
  /** Storage may be full, forbidden at any time, or missing where there is no page. */
  const attempt = <Value>(action: (storage: SubmitStorage) => Value): Value | null => {
    try {
      const { storage = window.localStorage } = options;
      return storage && scope ? action(storage) : null;
    } catch {
      return null;
    }
  };
  // What was meant for one gateway is not sent to another.
  const prefix = `${PREFIX}${scope} ${url}:`;
  const read = (name: string): UnansweredSubmit | null =>
    attempt((place) => {
      const submit: UnansweredSubmit = JSON.parse(`${place.getItem(name)}`);
      if (submit && Date.now() - submit.at > MAX_AGE_MS) {
        place.removeItem(name);
        return null;
      }
      return submit;
    });
  const keys = (): readonly string[] =>
    attempt((place) =>
      Array.from({ length: place.length }, (_, index) => `${place.key(index)}`)
        .filter((name) => name.startsWith(PREFIX))
        // Reading removes what is too old, of whatever scope.
        .flatMap((name) => {
          const submit = read(name);
          return submit && name === prefix + submit.key ? submit : [];
        })
        .sort((a, b) => a.at - b.at)
        .map(({ key }) => key),
    ) ?? [];
  const forget = (key: string): void => void attempt((place) => place.removeItem(prefix + key));

  return {
    keys,
    find: (key) => read(prefix + key),
    forget,
    keep: (submit) => {
      // Its earlier state is wrong even if this one can't be kept.
      forget(submit.key);
      const text = JSON.stringify(submit);
      if (text.length <= MAX_CHARACTERS) {
        keys()
          .slice(0, 1 - MAX_SUBMITS)
          .forEach(forget);
        attempt((place) => place.setItem(prefix + submit.key, text));
      }
      return submit;
    },
    hold: (key, task) => {
      // Not in an insecure context, where two pages may send the same: it has one key.
      const locks = scope && globalThis.navigator?.locks;
      const held = locks ? locks.request(prefix + key, { signal: closed }, task) : task();
      held.catch(() => {});
    },
  };
}
