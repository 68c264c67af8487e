/**
 * Face swaps in a front end.
 *
 *     const faceSwap = createFaceSwap({ url: '/graphql', token: () => session.token() });
 *     const swap = faceSwap.submit({ source: selfie, target: 'https://example.com/scene.jpg' });
 *     for await (const job of swap) show(job.status);
 *     image.src = (await swap.result()).url;
 */
export type { Connection } from './connection.js';
export { createFaceSwap } from './create-face-swap.js';
export { type FieldError, JobFailed, RequestRefused } from './errors.js';
export type { DetectedFace, DetectedFrame, DetectFacesInput, FaceDetection } from './face-detection.js';
export type { FaceSwap, FaceSwapOptions, SubmitStorage, Token } from './face-swap.js';
export type {
  ErrorAudience,
  FaceSwapJob,
  FaceSwapPlusJob,
  Job,
  JobError,
  JobErrorCode,
  JobResult,
  JobStatus,
  JobUpdate,
  JobUpdateSource,
  WaitingReason,
} from './job.js';
export type { FollowOptions, FollowToken, JobHandle, JobSnapshot, ResultOptions } from './job-handle.js';
export type {
  FollowAllOptions,
  JobFilter,
  JobList,
  JobListSnapshot,
  JobPage,
  JobsInput,
} from './job-list.js';
export type { Media, Upload, UploadOptions, UploadProgress } from './media.js';
export type { Readable } from './readable.js';
export type { Interrupted, ResumedSubmit, SentAgain } from './resumed-submit.js';
export type {
  FaceMapping,
  FacePicture,
  FaceReference,
  Rectangle,
  SubmitInput,
  SubmitPlusInput,
} from './submit-input.js';
