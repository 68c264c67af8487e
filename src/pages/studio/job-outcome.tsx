/** What is to be seen of a job: its place in the queue, its result, or why there is none. */
import type { Job } from '@face-swap-gateway/client';
import { Comparison } from './comparison.js';
import { isVideoAddress, isVideoResult } from './media-kind.js';
import { Message } from './message.js';
import { picturesOf } from './place-order.js';
import { STATUS_TEXTS, TEXTS, WAITING_TEXTS } from './texts.js';
import { VideoComparison } from './video-comparison.js';

export function JobOutcome({ job }: { readonly job: Job }) {
  const { swap } = TEXTS;
  const { id, status, result, error, queuePosition, waitingReason } = job;
  const { target = '' } = picturesOf(job);
  if (result !== null) {
    const Shown = isVideoResult(result) ? VideoComparison : Comparison;
    return <Shown key={id} before={target} after={result.url} />;
  }
  if (error !== null) return <Message isAlert>{error.userMessage}</Message>;
  if (status === 'CANCELED') return <Message>{swap.canceled}</Message>;
  return (
    <div className="stage" data-busy={status !== 'WAITING' || undefined}>
      {!isVideoAddress(target) && <img className="backdrop" src={target} alt="" />}
      <p className="message">
        <strong>{queuePosition === null ? STATUS_TEXTS[status] : swap.position(queuePosition)}</strong>
        {waitingReason !== null && <span className="quiet">{WAITING_TEXTS[waitingReason]}</span>}
      </p>
    </div>
  );
}
