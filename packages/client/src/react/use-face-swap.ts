import { useMemo } from 'react';
import { useFaceSwapClient } from './context.js';
import { createSwap, NO_SWAP, type SwapActions, type SwapSnapshot } from './swap.js';
import { useReadable } from './use-readable.js';

export interface UseFaceSwapOptions {
  /**
   * After a reload, go on with the job that this tab showed, or the submit that was not answered. This needs the
   * client's `scope`. Use it in one component only.
   */
  readonly resume?: boolean | undefined;
}

export interface UseFaceSwap extends SwapSnapshot, SwapActions {}

/**
 * Submits swaps, and follows the last one while the component is mounted. A submit goes on if the component is
 * unmounted.
 *
 *     const { submit, job, progress, error, busy } = useFaceSwap({ resume: true });
 *     <button disabled={busy} onClick={() => submit({ source: selfie, target: scene })}>Swap</button>
 *     {job?.result && <img src={job.result.url} alt="" />}
 */
export function useFaceSwap({ resume = false }: UseFaceSwapOptions = {}): UseFaceSwap {
  const client = useFaceSwapClient();
  const { state, actions } = useMemo(() => createSwap(client, resume), [client, resume]);
  return { ...useReadable(state, NO_SWAP), ...actions };
}
