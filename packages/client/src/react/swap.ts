/** The swaps of one component, one after the other: what `useFaceSwap` shows. */
import { JobFailed, type RequestRefused } from '../errors.js';
import type { FaceSwap } from '../face-swap.js';
import type { Job } from '../job.js';
import type { JobHandle } from '../job-handle.js';
import type { UploadOptions, UploadProgress } from '../media.js';
import { type Readable, whileLooked, writable } from '../readable.js';
import type { Interrupted, SentAgain } from '../resumed-submit.js';
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

/** @param resume whether to go on with what the page was doing before it was reloaded */
export function createSwap(client: FaceSwap, resume: boolean): Swap {
  const state = writable(NO_SWAP);
  const remembered = rememberedJob(client);
  let current: JobHandle | null = null;
  let controller = new AbortController();
  let isOwn = false;
  let isLooked = false;
  let leave = nothing;

  const show = (more: Partial<SwapSnapshot>): void => state.set({ ...state.getSnapshot(), ...more });
  const refresh = (): void => {
    if (!current) return;
    const { job, error, done } = current.getSnapshot();
    if (!isOwn && (error as Partial<RequestRefused> | null)?.code === 'NOT_FOUND') {
      // Whoever comes back need not be told of a job that was deleted.
      reset();
      return;
    }
    const failure = error ?? (job?.finishedAt && !job.result ? new JobFailed(job) : null);
    show({
      job,
      error: failure,
      busy: !done && !job?.finishedAt,
      ...((job || failure) && { progress: null }),
    });
  };
  const look = (): void => {
    // What was taken before, or has just been restored, may be subscribed to.
    leave();
    if (isLooked && current) {
      leave = current.subscribe(refresh);
      refresh();
    }
  };
  const reset = (): void => {
    // Each calls `restore`, so what that may take is reset below.
    if (resume)
      for (const submit of client.resumed.getSnapshot())
        submit.dismiss((submit as Partial<SentAgain>).job === current);
    leave();
    controller.abort();
    controller = new AbortController();
    current = null;
    state.set(NO_SWAP);
    remembered.set('');
  };
  const take = (handle: JobHandle): JobHandle => {
    current = handle;
    state.set({ ...NO_SWAP, busy: true });
    if (resume) handle.id.then((id) => current === handle && remembered.set(id), nothing);
    look();
    return handle;
  };
  const submitBy =
    <Input>(begin: (input: Input, options: UploadOptions) => JobHandle) =>
    (input: Input): JobHandle => {
      reset();
      isOwn = true;
      const { signal } = controller;
      const onProgress = (progress: UploadProgress): void => {
        if (!signal.aborted && !state.getSnapshot().job) show({ progress });
      };
      return take(begin(input, { signal, onProgress }));
    };
  const restore = (): void => {
    // What was submitted since is what the user is looking at.
    if (isOwn || !resume) return;
    let sent: JobHandle | null = null;
    let interrupted: Interrupted | null = null;
    for (const one of client.resumed.getSnapshot()) {
      if ('job' in one) sent = one.job;
      else interrupted = one;
    }
    const id = remembered.get();
    if (!current && !sent && id) sent = client.follow(id);
    if (sent && sent !== current) take(sent);
    show({ interrupted });
  };

  return {
    state: whileLooked(state, () => {
      isLooked = true;
      restore();
      const stop = client.resumed.subscribe(restore);
      look();
      return () => {
        isLooked = false;
        stop();
        leave();
      };
    }),
    actions: {
      reset,
      submit: submitBy(client.submit),
      submitPlus: submitBy(client.submitPlus),
      cancel: async () => {
        if (current && state.getSnapshot().job) await current.cancel();
        else reset();
      },
    },
  };
}

function nothing(): void {}
