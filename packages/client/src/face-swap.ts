/** The client of one gateway. */
import type { Connection } from './connection.js';
import type { DetectFacesInput, FaceDetection } from './face-detection.js';
import type { Job } from './job.js';
import type { FollowOptions, JobHandle } from './job-handle.js';
import type { FollowAllOptions, JobList, JobPage, JobsInput } from './job-list.js';
import type { Upload, UploadOptions } from './media.js';
import type { Readable } from './readable.js';
import type { ResumedSubmit } from './resumed-submit.js';
import type { SubmitInput, SubmitPlusInput } from './submit-input.js';

/** An API key, a JWT or a follow token, without `Bearer`. */
export type Token = string | null | undefined;

/** The part of `Storage` that is used. */
export interface SubmitStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
  removeItem(name: string): void;
}

export interface FaceSwapOptions {
  /** The address of `/graphql`; in a browser it may be relative. Sockets use the same one. If it is none, requests throw TypeError. */
  readonly url: string | URL;
  /**
   * A function is called before each request and each connect, so that no token is sent after it has expired. If it
   * throws, that counts like a request without an answer.
   */
  readonly token?: Token | (() => Token | Promise<Token>);
  /** Who is signed in, like a user's id. Without it no submit is remembered over a reload. */
  readonly scope?: string | undefined;
  /** Where submits that were not answered are remembered; by default localStorage, where there is one. */
  readonly storage?: SubmitStorage | null | undefined;
  /** For Node before 22: `WebSocket` of the package ws. Without a WebSocket, jobs are polled. */
  readonly webSocket?: (new (url: string, protocols?: string | string[]) => object) | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

export interface FaceSwap {
  /**
   * Uploads what is a file, and submits a swap of pictures. It begins at once, and is repeated with the same key until
   * it is answered, for at most ten minutes. Aborting the signal stops uploading, submitting and following; a job that
   * was accepted goes on.
   */
  submit(input: SubmitInput, options?: UploadOptions): JobHandle;
  /** The same for several faces, or a video. */
  submitPlus(input: SubmitPlusInput, options?: UploadOptions): JobHandle;
  /** Follows a job that was submitted earlier, or elsewhere. */
  follow(id: string, options?: FollowOptions): JobHandle;
  /** Follows the list of the caller's jobs. */
  followAll(options?: FollowAllOptions): JobList;
  /** A page of the caller's jobs, newest first. @throws RequestRefused */
  jobs(input?: JobsInput): Promise<JobPage>;
  /** Null if the caller has no job with this id. @throws RequestRefused */
  job(id: string): Promise<Job | null>;
  /** @throws RequestRefused */
  detectFaces(input: DetectFacesInput, options?: UploadOptions): Promise<FaceDetection>;
  /** Uploads a file, to use it more than once. @throws RequestRefused */
  upload(file: Blob, options?: UploadOptions): Promise<Upload>;
  readonly connection: Readable<Connection>;
  /** As given. */
  readonly url: string | URL;
  /** As given. */
  readonly scope: string | undefined;
  /** What was not answered when an earlier page of the same scope ended, at most ten minutes ago. */
  readonly resumed: Readable<readonly ResumedSubmit[]>;
  /** Ends all requests and following. Safe to call twice. */
  close(): void;
}
