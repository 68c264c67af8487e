/** The swap that is being submitted here: at most one at a time, so that a double click pays once. */
import { useFaceSwap } from '@face-swap-gateway/client/react';
import { useEffect, useRef, useState } from 'react';
import { isUploadGone } from './error-text.js';
import { placeOrder } from './place-order.js';
import type { SwapOrder } from './swap-order.js';
import type { Picture } from './use-picture.js';

export interface Swap {
  /** From the click until the gateway has answered; after a reload too. */
  readonly isSending: boolean;
  /** Why it was not accepted. */
  readonly refusal: unknown;
  readonly place: (order: SwapOrder) => void;
  readonly stop: () => void;
  /** Shows after a reload neither what was accepted last nor what went wrong. */
  readonly forget: () => void;
}

/**
 * @param pictures whose files are uploaded once more if the gateway has erased them
 * @param onAccepted called with the job, once; also with one of before a reload
 */
export function useSwap(pictures: readonly Picture[], onAccepted: (id: string) => void): Swap {
  const swap = useFaceSwap({ resume: true });
  const [isPlacing, setPlacing] = useState(false);
  // State comes too late for the second of two clicks, and for a picture that is chosen meanwhile.
  const placing = useRef<object | null>(null);
  const newest = useRef(pictures);
  newest.current = pictures;
  const { job, busy, error } = swap;

  const isSending = isPlacing || (busy && job === null);

  const accepted = job?.id;
  const tell = useRef(onAccepted);
  tell.current = onAccepted;
  useEffect(() => {
    if (accepted !== undefined) tell.current(accepted);
  }, [accepted]);

  const chosenAs = (wanted: string): Picture | undefined =>
    newest.current.find(({ address }) => address === wanted);
  const renewed = async (order: SwapOrder): Promise<SwapOrder> => {
    const renew = async (address: string): Promise<string> => (await chosenAs(address)?.renew()) ?? address;
    const [source, target] = await Promise.all([renew(order.source), renew(order.target)]);
    return { ...order, source, target };
  };
  const place = async (order: SwapOrder): Promise<void> => {
    // One of before a reload may still be on its way.
    if (placing.current !== null || isSending) return;
    const mine = {};
    placing.current = mine;
    const isMine = (): boolean => placing.current === mine;
    setPlacing(true);
    try {
      await placeOrder(swap, order).id;
    } catch (refusal) {
      const isOwn = [order.source, order.target].some(chosenAs);
      if (!isMine() || !isUploadGone(refusal) || !isOwn) return;
      const again = await renewed(order);
      // Its error is shown, as that of the first attempt would be.
      if (isMine()) await placeOrder(swap, again).id.catch(() => {});
    } finally {
      if (isMine()) end();
    }
  };
  const end = (): void => {
    placing.current = null;
    setPlacing(false);
  };

  return {
    isSending,
    refusal: job === null && !isPlacing ? error : null,
    place: (order) => void place(order).catch(() => {}),
    stop: () => {
      end();
      // It may have been accepted, or sent, just before.
      swap.cancel().catch(() => {});
    },
    forget: () => {
      if (!isSending) swap.reset();
    },
  };
}
