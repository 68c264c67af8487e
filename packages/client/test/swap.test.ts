/** What `useFaceSwap` shows, without React and without a gateway. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { FaceSwap, Interrupted, JobHandle, ResumedSubmit, SentAgain } from '../src/index.js';
import { createSwap, NO_SWAP } from '../src/react/swap.js';
import { writable } from '../src/readable.js';
import { closeClients, memoryStorage, newClient } from './support.js';

beforeEach(() => {
  vi.stubGlobal('sessionStorage', memoryStorage());
});
afterEach(() => {
  closeClients();
  vi.unstubAllGlobals();
});

const INTERRUPTED: Interrupted = {
  outcome: 'interrupted',
  key: 'with a file',
  method: 'submit',
  reference: null,
  metadata: null,
  dismiss: () => {},
};

/** A submit whose job was accepted, and how many follow it. */
function sentAgain(id: string): { readonly submit: SentAgain; readonly followers: () => number } {
  const state = writable({ job: null, error: null, done: false });
  let followers = 0;
  const subscribe: JobHandle['subscribe'] = (listener) => {
    const unsubscribe = state.subscribe(listener);
    followers += 1;
    return () => {
      if (unsubscribe()) followers -= 1;
    };
  };
  const client = newClient('http://127.0.0.1:1');
  const job: JobHandle = { ...client.follow(id), getSnapshot: state.getSnapshot, subscribe };
  return {
    submit: { ...INTERRUPTED, outcome: 'sent-again', key: id, job },
    followers: () => followers,
  };
}

/** A client that has resumed these. */
function clientWith(resumed: readonly ResumedSubmit[], more: Partial<FaceSwap> = {}): FaceSwap {
  return { ...newClient('http://127.0.0.1:1', { scope: 'anna' }), resumed: writable(resumed), ...more };
}

it('one that was interrupted is shown beside a newer one that was sent again', () => {
  const { submit } = sentAgain('1');
  const { state } = createSwap(clientWith([INTERRUPTED, submit]), true);
  const leave = state.subscribe(() => {});
  expect(state.getSnapshot()).toMatchObject({ busy: true, interrupted: INTERRUPTED });
  leave();
});

/** A client whose submits can be dismissed, and what was. */
function dismissible(submits: readonly ResumedSubmit[]) {
  const resumed = writable<readonly ResumedSubmit[]>([]);
  const dismissed: string[] = [];
  resumed.set(
    submits.map((submit) => {
      const own = {
        ...submit,
        dismiss: (stop?: boolean) => {
          dismissed.push(`${submit.key} ${stop}`);
          resumed.set(resumed.getSnapshot().filter((one) => one !== own));
        },
      };
      return own;
    }),
  );
  return { client: clientWith([], { resumed }), resumed, dismissed };
}

it.each(['cancel', 'reset'] as const)(
  '%s stops what is shown of what was resumed, and hides the rest',
  async (action) => {
    const { client, dismissed } = dismissible([INTERRUPTED, sentAgain('1').submit, sentAgain('2').submit]);
    const { state, actions } = createSwap(client, true);
    const leave = state.subscribe(() => {});
    expect(state.getSnapshot().busy).toBe(true);
    await actions[action]();
    expect(dismissed).toEqual(['with a file false', '1 false', '2 true']);
    expect(state.getSnapshot()).toEqual(NO_SWAP);
    leave();
    // Nor is any of them followed by whoever looks next.
    state.subscribe(() => {})();
    expect(state.getSnapshot()).toEqual(NO_SWAP);
  },
);

it('without `resume`, what was resumed is left to others', () => {
  const { client, dismissed } = dismissible([INTERRUPTED, sentAgain('1').submit]);
  const { state, actions } = createSwap(client, false);
  state.subscribe(() => {})();
  actions.reset();
  expect(dismissed).toEqual([]);
});

it('an interrupted one that the app dismisses is shown no longer', () => {
  const { client, resumed } = dismissible([INTERRUPTED]);
  const { state } = createSwap(client, true);
  const leave = state.subscribe(() => {});
  expect(state.getSnapshot().interrupted).not.toBeNull();
  resumed.getSnapshot()[0]?.dismiss();
  expect(state.getSnapshot()).toEqual(NO_SWAP);
  leave();
});

it('nobody follows what was resumed once nobody looks', () => {
  const { submit, followers } = sentAgain('1');
  const { state } = createSwap(clientWith([submit]), true);
  const leave = state.subscribe(() => {});
  expect(followers()).toBe(1);
  leave();
  expect(followers()).toBe(0);
});

it('a tab remembers the job of one gateway and one user, and none without a user', async () => {
  const followed: string[] = [];
  const shownBy = (more: Partial<FaceSwap>): readonly string[] => {
    followed.length = 0;
    const follow: FaceSwap['follow'] = (id) => {
      followed.push(id);
      return sentAgain(id).submit.job;
    };
    createSwap(clientWith([], { follow, ...more }), true).state.subscribe(() => {})();
    return followed;
  };
  for (const scope of ['anna', '']) {
    const { submit } = sentAgain(`of ${scope}`);
    createSwap(clientWith([submit], { scope, url: '/graphql' }), true).state.subscribe(() => {})();
    await submit.job.id;
  }
  expect(shownBy({ scope: 'anna', url: '/graphql' })).toEqual(['of anna']);
  expect(shownBy({ scope: 'anna', url: '/other' })).toEqual([]);
  expect(shownBy({ scope: '', url: '/graphql' })).toEqual([]);
});
