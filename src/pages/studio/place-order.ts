/** An order as the client takes it, and a job as the order that it was made of. */
import type { Job, JobHandle, Media } from '@face-swap-gateway/client';
import type { UseFaceSwap } from '@face-swap-gateway/client/react';
import type { SwapOrder } from './swap-order.js';

export function placeOrder(
  { submit, submitPlus }: Pick<UseFaceSwap, 'submit' | 'submitPlus'>,
  { source, target, isPlus, faceEnhance }: SwapOrder<Media>,
): JobHandle {
  return isPlus
    ? submitPlus({ source, target, faceEnhance, singleFaceMode: true })
    : submit({ source, target, faceEnhance });
}

/** As far as the job tells. */
export function orderOf(job: Job): SwapOrder | null {
  if (job.__typename === 'FaceSwapPlusJob')
    return { source: job.sourceUrl, target: job.targetUrl, isPlus: true, faceEnhance: false };
  const [source] = job.sourceImage;
  const [target] = job.targetImage;
  return source && target
    ? { source: source.path, target: target.path, isPlus: false, faceEnhance: false }
    : null;
}
