/** Puts the parts of a client together. */
import { createAlarm } from './alarm.js';
import { createJobHandle } from './create-job-handle.js';
import { createJobList } from './create-job-list.js';
import { DETECT_FACES, SUBMIT } from './documents.js';
import { RequestRefused } from './errors.js';
import type { FaceSwap, FaceSwapOptions, SubmitStorage } from './face-swap.js';
import { filesIn, graphqlInput, type Uploads, withAddresses } from './graphql-input.js';
import type { Job } from './job.js';
import type { JobHandle } from './job-handle.js';
import { createLine, type Line } from './line.js';
import type { Upload, UploadOptions } from './media.js';
import { writable } from './readable.js';
import type { Gateway } from './request.js';
import type { ResumedSubmit } from './resumed-submit.js';
import type { SubmitInput, SubmitPlusInput } from './submit-input.js';
import { MAX_AGE_MS, type UnansweredSubmit, unansweredSubmits } from './unanswered-submits.js';
import { uploadFile } from './upload-file.js';

/** Of other jobs' tokens; the oldest is forgotten first. */
const MAX_FOLLOW_LINES = 100;
/** Of 32 random bits each. */
const KEY_WORDS = 4;

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
  const unanswered = unansweredSubmits(
    options.storage === undefined ? browserStorage() : options.storage,
    // What was meant for one gateway is not sent to another.
    scope && `${scope} ${url}`,
    closed,
  );
  const resumed = writable<readonly ResumedSubmit[]>([]);

  const lineOf = (followToken: string): Line => {
    const found = lines.get(followToken) ?? createLine({ ...gateway, token: followToken });
    lines.set(followToken, found);
    for (const oldest of lines.keys()) if (lines.size > MAX_FOLLOW_LINES) lines.delete(oldest);
    return found;
  };

  const uploadAll = async (input: object, { signal, onProgress }: UploadOptions): Promise<Uploads> => {
    const files = [...filesIn(input)];
    const loaded = files.map(() => 0);
    const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);
    const total = sum(files.map(({ size }) => size));
    const uploads = files.map(async (file, index) => {
      const onLoaded = (bytes: number): void => {
        loaded[index] = bytes;
        onProgress?.({ loaded: sum(loaded), total });
      };
      const upload = await uploadFile(gateway, line.request, file, {
        signal,
        onLoaded: onProgress && onLoaded,
      });
      return [file, upload] as const;
    });
    return new Map(await Promise.all(uploads));
  };

  /**
   * Sends what `ready` gives until it is answered.
   *
   * @param signal of the caller; whoever aborts does not want it after a reload either
   */
  const send = async (
    key: string,
    ready: () => UnansweredSubmit | Promise<UnansweredSubmit>,
    signal?: AbortSignal,
  ): Promise<string> => {
    try {
      const { method, input, at } = await ready();
      const patienceMs = at + MAX_AGE_MS - Date.now();
      const { job } = await line.request<{ job: Job }>(SUBMIT[method], { input }, { signal, patienceMs });
      line.store.put(job);
      return job.id;
    } finally {
      // After closing, another client goes on.
      if (!closed.aborted || signal?.aborted) unanswered.forget(key);
    }
  };

  const submit = (
    method: ResumedSubmit['method'],
    given: SubmitInput | SubmitPlusInput,
    options: UploadOptions = {},
  ): JobHandle => {
    const { idempotencyKey: key = newKey(), reference = null, metadata = null } = given;
    const keep = (input: object | null): UnansweredSubmit => {
      const kept = { key, method, at: Date.now(), input, reference, metadata };
      unanswered.keep(kept);
      return kept;
    };
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
      signal,
    );
    unanswered.hold(key, () => id);
    return createJobHandle(line, id, signal);
  };

  const resume = async (key: string): Promise<unknown> => {
    const kept = unanswered.find(key);
    if (!kept) return;
    const { method, input, reference, metadata } = kept;
    const add = (submit: ResumedSubmit): void => resumed.set([...resumed.getSnapshot(), submit]);
    if (!input) {
      unanswered.forget(key);
      return add({ outcome: 'interrupted', key, method, reference, metadata });
    }
    const id = send(key, () => kept);
    add({ outcome: 'sent-again', key, method, job: createJobHandle(line, id) });
    return id;
  };
  for (const key of unanswered.keys()) unanswered.hold(key, () => resume(key));

  return {
    submit: (input, more) => submit('submit', input, more),
    submitPlus: (input, more) => submit('submitPlus', input, more),
    follow: (id, { followToken, initial, signal } = {}) => {
      const own = followToken === undefined ? line : lineOf(followToken);
      // Whatever came meanwhile is newer.
      if (initial) own.store.put(initial, 0);
      return createJobHandle(own, id, signal);
    },
    followAll: (more) => createJobList(line, more),
    jobs: line.jobs,
    job: line.job,
    detectFaces: async (input, more = {}) => {
      const addressed = withAddresses({ ...input }, await uploadAll(input, more));
      return line.request(DETECT_FACES, { input: addressed }, { signal: more.signal });
    },
    upload: async (file, more = {}) => {
      return (await uploadAll([file], more)).get(file) as Upload;
    },
    connection: line.socket.connection,
    scope,
    resumed,
    close: () => controller.abort(new RequestRefused('CLOSED', 'Closed.')),
  };
}

/** Unlike `randomUUID`, this also exists in insecure contexts. */
function newKey(): string {
  return crypto.getRandomValues(new Uint32Array(KEY_WORDS)).join('-');
}

/** Reading the property alone may throw. */
function browserStorage(): SubmitStorage | null {
  try {
    return typeof window === 'undefined' ? null : window.localStorage;
  } catch {
    return null;
  }
}
