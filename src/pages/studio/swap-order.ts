/** What the user has asked for, in the form that can be submitted and shown as code. */
import type { Job, JobHandle, Media } from '@face-swap-gateway/client';
import type { UseFaceSwap } from '@face-swap-gateway/client/react';

export interface SwapOrder<Of = string> {
  readonly source: Of;
  readonly target: Of;
  /** Whether faces in a video are swapped, which is another operation of Akool. */
  readonly isPlus: boolean;
  readonly faceEnhance: boolean;
}

export function place(
  { submit, submitPlus }: Pick<UseFaceSwap, 'submit' | 'submitPlus'>,
  order: SwapOrder<Media>,
): JobHandle {
  const { source, target, isPlus, faceEnhance } = order;
  return isPlus
    ? submitPlus({ source, target, faceEnhance, singleFaceMode: true })
    : submit({ source, target, faceEnhance });
}

/** The order that a job was made of, as far as the job tells. */
export function orderOf(job: Job): SwapOrder | null {
  if (job.__typename === 'FaceSwapPlusJob')
    return { source: job.sourceUrl, target: job.targetUrl, isPlus: true, faceEnhance: false };
  const [source] = job.sourceImage;
  const [target] = job.targetImage;
  return source && target
    ? { source: source.path, target: target.path, isPlus: false, faceEnhance: false }
    : null;
}
