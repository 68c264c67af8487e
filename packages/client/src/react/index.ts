/**
 * Face swaps in React 18 and 19, rendered on a server too.
 *
 *     const client = createFaceSwap({ url: '/graphql' });
 *     root.render(<FaceSwapProvider client={client}><App /></FaceSwapProvider>);
 *
 *     const { submit, job, busy } = useFaceSwap();
 */
'use client';

export { BeforeAfter, type BeforeAfterProps } from './before-after.js';
export { FaceSwapProvider, type FaceSwapProviderProps, useFaceSwapClient } from './context.js';
export type { SwapSnapshot } from './swap.js';
export type { UploadSnapshot } from './uploading.js';
export { useConnection } from './use-connection.js';
export { type UseFaceSwap, type UseFaceSwapOptions, useFaceSwap } from './use-face-swap.js';
export { type FollowedJob, type UseJobOptions, useJob } from './use-job.js';
export { type FollowedJobs, useJobs } from './use-jobs.js';
export { type UseUpload, useUpload } from './use-upload.js';
