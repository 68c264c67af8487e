/** Remembers submits until they are answered, so that they survive a reload. Never a token, never what is in a file. */
import type { SubmitStorage } from './face-swap.js';
import type { ResumedSubmit } from './resumed-submit.js';

export interface UnansweredSubmit extends Pick<ResumedSubmit, 'key' | 'method'> {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The GraphQL input; null while a file of it is still on its way. */
  readonly input: object | null;
  readonly reference: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export interface UnansweredSubmits {
  /** Also replaces an earlier state of the same submit. */
  keep(submit: UnansweredSubmit): void;
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

/** @param scope whose they are; without one, nothing is remembered */
export function unansweredSubmits(
  storage: SubmitStorage | null | undefined,
  scope: string | undefined,
  closed: AbortSignal,
): UnansweredSubmits {
  /** Storage may be full, or forbidden at any time. */
  const attempt = <Value>(action: (storage: SubmitStorage) => Value): Value | null => {
    try {
      return storage && scope ? action(storage) : null;
    } catch {
      return null;
    }
  };
  const prefix = `${PREFIX}${scope}:`;
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
      if (text.length > MAX_CHARACTERS) return;
      keys()
        .slice(0, 1 - MAX_SUBMITS)
        .forEach(forget);
      attempt((place) => place.setItem(prefix + submit.key, text));
    },
    hold: (key, task) => {
      // Not in an insecure context, where two pages may send the same: it has one key.
      const locks = scope && globalThis.navigator?.locks;
      const held = locks ? locks.request(prefix + key, { signal: closed }, task) : task();
      held.catch(() => {});
    },
  };
}
