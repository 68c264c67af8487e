/** An order as the client takes it, and a job as the order that it was made of. */
import type { Job, JobHandle } from '@face-swap-gateway/client';
import type { UseFaceSwap } from '@face-swap-gateway/client/react';
import type { SwapOrder } from './swap-order.js';

/** Marks the jobs of the studio; `metadata` says what else was asked for, because a job does not tell all of it. */
const REFERENCE = 'studio';

export function placeOrder(
  { submit, submitPlus }: Pick<UseFaceSwap, 'submit' | 'submitPlus'>,
  { source, target, isPlus, faceEnhance }: SwapOrder,
): JobHandle {
  const input = { source, target, faceEnhance, reference: REFERENCE, metadata: { faceEnhance } };
  return isPlus ? submitPlus({ ...input, singleFaceMode: true }) : submit(input);
}

/** Returns null for a job of another program, which may ask for more than an order can say. */
export function orderOf(job: Job): SwapOrder | null {
  const { source, target } = picturesOf(job);
  if (job.reference !== REFERENCE || source === undefined || target === undefined) return null;
  const isPlus = job.__typename === 'FaceSwapPlusJob';
  return { source, target, isPlus, faceEnhance: job.metadata?.['faceEnhance'] === true };
}

/** The first of each side. */
export function picturesOf(job: Job): { readonly source?: string; readonly target?: string } {
  if (job.__typename === 'FaceSwapPlusJob') return { source: job.sourceUrl, target: job.targetUrl };
  const [source] = job.sourceImage;
  const [target] = job.targetImage;
  return { ...(source && { source: source.path }), ...(target && { target: target.path }) };
}
