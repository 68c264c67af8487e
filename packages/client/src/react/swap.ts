/** The swaps of one component, one after the other: what `useFaceSwap` shows. */
import { JobFailed, RequestRefused } from '../errors.js';
import type { FaceSwap } from '../face-swap.js';
import type { Job } from '../job.js';
import type { JobHandle } from '../job-handle.js';
import type { UploadOptions, UploadProgress } from '../media.js';
import { type Readable, whileLooked, writable } from '../readable.js';
import type { Interrupted, ResumedSubmit } from '../resumed-submit.js';
import type { SubmitInput, SubmitPlusInput } from '../submit-input.js';
import { rememberedJob } from './remembered-job.js';

export interface SwapSnapshot {
  /** Its newest state; null until the submit is accepted. */
  readonly job: Job | null;
  /** While files are sent. */
  readonly progress: UploadProgress | null;
  /** `JobFailed` if the job failed or was canceled; `RequestRefused` if it could not be submitted or followed. */
  readonly error: unknown;
  /** From the submit until the job has finished, or an error. */
  readonly busy: boolean;
  /** With `resume`: a submit whose files were still on their way when the page was left. Ask for the files again. */
  readonly interrupted: Interrupted | null;
}

export interface SwapActions {
  /** Submits a swap in place of the one before. Files may be given as they are. */
  readonly submit: (input: SubmitInput) => JobHandle;
  /** The same for several faces, or a video. */
  readonly submitPlus: (input: SubmitPlusInput) => JobHandle;
  /**
   * Before the job is accepted: gives up, as `reset`. Then: takes the job back, at no cost.
   *
   * @throws RequestRefused CONFLICT unless it is WAITING
   */
  readonly cancel: () => Promise<void>;
  /** Stops sending, and shows nothing any more. A job that was accepted goes on. */
  readonly reset: () => void;
}

export interface Swap {
  readonly state: Readable<SwapSnapshot>;
  readonly actions: SwapActions;
}

export const NO_SWAP: SwapSnapshot = {
  job: null,
  progress: null,
  error: null,
  busy: false,
  interrupted: null,
};

/**
 * @param dismissed what was resumed, and is not to be shown again
 * @param resume whether to go on with what the page was doing before it was reloaded
 */
export function createSwap(client: FaceSwap, dismissed: WeakSet<ResumedSubmit>, resume: boolean): Swap {
  const state = writable(NO_SWAP);
  const remembered = rememberedJob(client.scope);
  let current: JobHandle | null = null;
  let controller = new AbortController();
  let isOwn = false;
  let isLooked = false;
  let leave = nothing;

  const show = (more: Partial<SwapSnapshot>): void => state.set({ ...state.getSnapshot(), ...more });
  const refresh = (): void => {
    const { job, error, done } = current?.getSnapshot() ?? { job: null, error: null, done: true };
    if (!isOwn && error instanceof RequestRefused && error.code === 'NOT_FOUND') {
      // Whoever comes back need not be told of a job that was deleted.
      reset();
      return;
    }
    const failure = error ?? (job?.finishedAt && !job.result ? new JobFailed(job) : null);
    const { progress } = state.getSnapshot();
    show({
      job,
      error: failure,
      busy: !done && !job?.finishedAt,
      progress: job || failure ? null : progress,
    });
  };
  const look = (): void => {
    if (!isLooked || !current) return;
    leave = current.subscribe(refresh);
    refresh();
  };
  const clear = (): void => {
    leave();
    leave = nothing;
    controller.abort();
    controller = new AbortController();
    current = null;
    for (const submit of client.resumed.getSnapshot()) dismissed.add(submit);
    state.set(NO_SWAP);
  };
  const take = (handle: JobHandle): JobHandle => {
    leave();
    leave = nothing;
    current = handle;
    state.set({ ...NO_SWAP, busy: true });
    if (resume) handle.id.then((id) => current === handle && remembered.set(id), nothing);
    look();
    return handle;
  };
  const submit = (begin: (options: UploadOptions) => JobHandle): JobHandle => {
    reset();
    isOwn = true;
    const { signal } = controller;
    const onProgress = (progress: UploadProgress): void => {
      if (!signal.aborted && !state.getSnapshot().job) show({ progress });
    };
    return take(begin({ signal, onProgress }));
  };
  const reset = (): void => {
    clear();
    remembered.set(null);
  };

  const restore = (): void => {
    // What was submitted since is what the user is looking at.
    if (isOwn) return;
    const submits = client.resumed.getSnapshot().filter((submit) => !dismissed.has(submit));
    const newest = submits.at(-1);
    if (newest?.outcome === 'sent-again') {
      if (newest.job !== current) take(newest.job);
      return;
    }
    const id = remembered.get();
    if (!current && id !== null) take(client.follow(id));
    if (newest) show({ interrupted: newest });
  };

  return {
    state: whileLooked(state, () => {
      isLooked = true;
      if (resume) restore();
      const stop = resume ? client.resumed.subscribe(restore) : nothing;
      look();
      return () => {
        isLooked = false;
        stop();
        leave();
      };
    }),
    actions: {
      reset,
      submit: (input) => submit((options) => client.submit(input, options)),
      submitPlus: (input) => submit((options) => client.submitPlus(input, options)),
      cancel: async () => {
        if (current && state.getSnapshot().job) await current.cancel();
        else reset();
      },
    },
  };
}

function nothing(): void {}
