/** What is to be seen of a job: its place in the queue, its result, or why there is none. */
import type { Job } from '@face-swap-gateway/client';
import { type ReactNode, useState } from 'react';
import { Comparison } from './comparison.js';
import { isVideoAddress, isVideoResult } from './media-kind.js';
import { picturesOf } from './place-order.js';
import { STATUS_TEXTS, TEXTS, WAITING_TEXTS } from './texts.js';
import { useMissing } from './use-missing.js';

export function JobOutcome({ job }: { readonly job: Job }) {
  const { swap } = TEXTS;
  const { id, status, result, error, queuePosition, waitingReason } = job;
  const { target = '' } = picturesOf(job);
  if (result !== null) {
    if (!isVideoResult(result)) return <Comparison key={id} before={target} after={result.url} />;
    return <Video key={id} address={result.url} />;
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

/** Goes on with the address it began with: that changes when the gateway keeps a copy, and the video would begin again. */
function Video({ address }: { readonly address: string }) {
  const { swap } = TEXTS;
  const [first] = useState(address);
  const missing = useMissing();
  const source = missing.has(first) ? address : first;
  if (missing.has(source)) return <Message>{swap.noResult}</Message>;
  return (
    <div className="stage">
      {/* biome-ignore lint/a11y/useMediaCaption: nobody knows what is said in it */}
      <video
        className="fit"
        src={source}
        aria-label={swap.after}
        controls
        playsInline
        onError={() => missing.add(source)}
      />
    </div>
  );
}

export function Message({ children, isAlert }: { readonly children: ReactNode; readonly isAlert?: boolean }) {
  return (
    <div className="stage">
      <p className="message" role={isAlert ? 'alert' : undefined}>
        {children}
      </p>
    </div>
  );
}
