/** Puts the parts of a client together. */
import { createAlarm } from './alarm.js';
import { createJobHandle } from './create-job-handle.js';
import { createJobList } from './create-job-list.js';
import { DETECT_FACES, SUBMIT } from './documents.js';
import { RequestRefused } from './errors.js';
import type { FaceSwap, FaceSwapOptions } from './face-swap.js';
import { filesIn, graphqlInput, type Uploads, withAddresses } from './graphql-input.js';
import type { Job } from './job.js';
import type { JobHandle } from './job-handle.js';
import { createJobStore } from './job-store.js';
import { createLine, type Line } from './line.js';
import type { Upload, UploadOptions } from './media.js';
import { writable } from './readable.js';
import { type Gateway, UNANSWERED, UNAUTHENTICATED } from './request.js';
import type { ResumedSubmit } from './resumed-submit.js';
import type { SubmitInput, SubmitPlusInput } from './submit-input.js';
import { MAX_AGE_MS, type UnansweredSubmit, unansweredSubmits } from './unanswered-submits.js';
import { uploadFile } from './upload-file.js';

/** Of other jobs' tokens; those that are followed go on without being found again. */
const MAX_FOLLOW_LINES = 100;
/** Interfaces fit `object` only. */
type Metadata = UnansweredSubmit['metadata'];

/**
 * Creates a client. It opens no connection before something is followed or asked, except that it sends again what an
 * earlier page of the same `scope` had not been answered.
 */
export function createFaceSwap(options: FaceSwapOptions): FaceSwap {
  const { url, token, scope, webSocket, fetch = globalThis.fetch.bind(globalThis) } = options;
  const controller = new AbortController();
  const closed = controller.signal;
  const alarm = createAlarm(closed);
  const gateway: Gateway = {
    // A page has an address when something is asked, but not while a server renders it.
    address: () => new URL(url, globalThis.location?.href),
    token,
    webSocket,
    fetch,
    alarm,
    closed,
  };
  const line = createLine(gateway);
  const lines = new Map<string, Line>();
  /** Of follow tokens, which see less of a job. */
  const guests = createJobStore();
  const unanswered = unansweredSubmits(options, closed);
  const resumed = writable<readonly ResumedSubmit[]>([]);

  const lineOf = (followToken: string): Line => {
    const found = lines.get(followToken) ?? createLine({ ...gateway, token: followToken }, guests);
    if (lines.size > MAX_FOLLOW_LINES) lines.clear();
    lines.set(followToken, found);
    return found;
  };

  const uploadAll = async (
    input: object,
    { signal = closed, onProgress }: UploadOptions,
  ): Promise<Uploads> => {
    const files = [...filesIn(input)];
    const uploading = new AbortController();
    const ending = AbortSignal.any([signal, uploading.signal]);
    const total = files.reduce((sum, { size }) => sum + size, 0);
    let loaded = 0;
    const uploads = files.map(async (file) => {
      let own = 0;
      const onLoaded = (bytes: number): void => {
        loaded += bytes - own;
        own = bytes;
        if (!ending.aborted) onProgress?.({ loaded, total });
      };
      return [file, await uploadFile(gateway, line.request, file, { signal: ending, onLoaded })] as const;
    });
    // Without one of them, the others are of no use.
    return new Map(await Promise.all(uploads).finally(() => uploading.abort()));
  };

  /**
   * Sends what `ready` gives until it is answered.
   *
   * @param signal of the caller; whoever aborts does not want it after a reload either
   */
  const send = async (
    key: string,
    ready: () => UnansweredSubmit | Promise<UnansweredSubmit>,
    isResumed: boolean,
    signal?: AbortSignal,
  ): Promise<string> => {
    const forget = (): void => {
      // After closing, another client goes on.
      if (!closed.aborted) unanswered.forget(key);
      signal?.removeEventListener('abort', forget);
    };
    // Aborting counts at once, though a token may be awaited, and after an attempt without an answer, which a later page
    // would repeat.
    signal?.addEventListener('abort', forget);
    let passing: readonly string[] = [];
    try {
      const { method, input, at } = await ready();
      // A later client may get an answer, or have another token.
      passing = [UNANSWERED, UNAUTHENTICATED];
      const { job } = await line.request<{ job: Job }>(
        SUBMIT[method],
        { input },
        { signal, until: at + MAX_AGE_MS, isResumed },
      );
      line.store.put(job);
      forget();
      return job.id;
    } catch (error) {
      if (!passing.includes((error as RequestRefused).code)) forget();
      throw error;
    }
  };

  const submit = (
    method: ResumedSubmit['method'],
    given: SubmitInput | SubmitPlusInput,
    options: UploadOptions = {},
  ): JobHandle => {
    const {
      // 128 random bits. Unlike `randomUUID`, this also exists in insecure contexts.
      idempotencyKey: key = crypto.getRandomValues(new Uint32Array(4)).join('-'),
      reference = null,
      metadata = null,
    } = given;
    const keep = (input: object | null): UnansweredSubmit =>
      unanswered.keep({ key, method, at: Date.now(), input, reference, metadata: metadata as Metadata });
    const ready = (uploads: Uploads): UnansweredSubmit =>
      keep({ ...graphqlInput(method, given, uploads), idempotencyKey: key });
    const { signal } = options;
    const id = send(
      key,
      () => {
        // In the same turn, because the page may end at any time.
        if (filesIn(given).size === 0) return ready(new Map());
        keep(null);
        return uploadAll(given, options).then(ready);
      },
      false,
      signal,
    );
    unanswered.hold(key, () => id);
    return createJobHandle(line, id, signal);
  };

  const resume = async (key: string): Promise<unknown> => {
    const kept = unanswered.find(key);
    if (!kept) return;
    const { at, input, ...known } = kept;
    const sending = new AbortController();
    const id = input && send(key, () => kept, true, sending.signal);
    if (!id) unanswered.forget(key);
    const dismiss = (stop?: boolean): void => {
      if (stop) sending.abort();
      resumed.set(resumed.getSnapshot().filter((one) => one !== submit));
    };
    const submit: ResumedSubmit = {
      ...known,
      dismiss,
      ...(id ? { outcome: 'sent-again', job: createJobHandle(line, id) } : { outcome: 'interrupted' }),
    };
    resumed.set(resumed.getSnapshot().concat(submit));
    return id;
  };
  for (const key of unanswered.keys()) unanswered.hold(key, () => resume(key));

  return {
    submit: (input, more) => submit('submit', input, more),
    submitPlus: (input, more) => submit('submitPlus', input, more),
    follow: (id, { followToken, initial, signal } = {}) => {
      const own = followToken ? lineOf(followToken) : line;
      // Whatever came meanwhile is newer.
      if (initial) own.store.put(initial, 0);
      return createJobHandle(own, id, signal);
    },
    followAll: (more) => createJobList(line, more),
    jobs: line.jobs,
    job: line.job,
    detectFaces: async (input, more = {}) => {
      const addressed = withAddresses(input, await uploadAll(input, more));
      return line.request(DETECT_FACES, { input: addressed }, more);
    },
    upload: async (file, more = {}) => {
      return (await uploadAll([file], more)).get(file) as Upload;
    },
    connection: line.socket.connection,
    url,
    scope,
    resumed,
    close: () => controller.abort(new RequestRefused('CLOSED', 'Closed.')),
  };
}
