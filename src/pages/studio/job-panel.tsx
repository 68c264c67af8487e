/** One swap: how far it is, and what came of it. */
import type { Job, RequestRefused } from '@face-swap-gateway/client';
import { useJob } from '@face-swap-gateway/client/react';
import { type ReactNode, useState } from 'react';
import { Comparison } from './comparison.js';
import { errorText } from './error-text.js';
import { LifeLine } from './life-line.js';
import { isVideoAddress } from './media-kind.js';
import { orderOf } from './place-order.js';
import type { SwapOrder } from './swap-order.js';
import { STATUS_TEXTS, TEXTS, WAITING_TEXTS } from './texts.js';

interface JobPanelProps {
  readonly id: string;
  readonly onClose: () => void;
  readonly onAgain: (order: SwapOrder) => void;
}

export function JobPanel({ id, onClose, onAgain }: JobPanelProps) {
  const { swap } = TEXTS;
  const { job, error, cancel, delete: remove } = useJob(id);
  const [refusal, setRefusal] = useState<unknown>(null);
  const [isSure, setSure] = useState(false);
  const attempt = (action: () => Promise<unknown>): void => {
    setRefusal(null);
    action().catch(setRefusal);
  };

  const isGone = (error as Partial<RequestRefused> | null)?.code === 'NOT_FOUND';
  if (job === null || isGone) {
    return (
      <>
        <LifeLine job={null} />
        <Message>{isGone ? swap.deleted : error == null ? TEXTS.list.loading : errorText(error)}</Message>
        <Actions onClose={onClose} />
      </>
    );
  }

  const order = orderOf(job);
  const isOver = job.finishedAt !== null;
  return (
    <>
      <LifeLine job={job} />
      <p className="hidden" role="status">
        {STATUS_TEXTS[job.status]}
      </p>
      <Outcome job={job} order={order} />
      <p role="alert" className="alert">
        {refusal === null ? (error == null ? '' : errorText(error)) : errorText(refusal)}
      </p>
      <Actions onClose={onClose}>
        {job.result && (
          <a className="button primary" {...downloadOf(job.result)}>
            {swap.download}
          </a>
        )}
        {job.status === 'WAITING' && (
          <button type="button" onClick={() => attempt(cancel)}>
            {swap.cancel}
          </button>
        )}
        {order !== null && mayHelp(job) && (
          <button type="button" className="primary" onClick={() => onAgain(order)}>
            {swap.again}
          </button>
        )}
        {isOver && (
          <button
            type="button"
            className={isSure ? 'danger' : undefined}
            onBlur={() => setSure(false)}
            onClick={() => (isSure ? attempt(remove) : setSure(true))}
          >
            {isSure ? swap.deleteReally : swap.delete}
          </button>
        )}
      </Actions>
    </>
  );
}

/** Whether the same swap may succeed another time. */
function mayHelp({ status, error }: Job): boolean {
  // Akool gives no reason for those that fail while it works on them.
  return status === 'CANCELED' || error?.retryable === true || error?.code === 'GENERATION_FAILED';
}

/** The gateway's own copy is saved under a good name; until there is one, the provider's is opened. */
function downloadOf({ url, downloadUrl }: NonNullable<Job['result']>) {
  return downloadUrl === null ? { href: url, target: '_blank', rel: 'noreferrer' } : { href: downloadUrl };
}

function Outcome({ job, order }: { readonly job: Job; readonly order: SwapOrder | null }) {
  const { swap } = TEXTS;
  const { status, result, error, queuePosition, waitingReason } = job;
  if (result !== null) {
    const isVideo = result.contentType?.startsWith('video/') ?? isVideoAddress(result.url);
    if (!isVideo) return <Comparison key={job.id} before={order?.target ?? ''} after={result.url} />;
    return (
      <div className="stage">
        {/* biome-ignore lint/a11y/useMediaCaption: nobody knows what is said in it */}
        <video className="fit" src={result.url} aria-label={swap.after} controls playsInline />
      </div>
    );
  }
  if (error !== null) return <Message isAlert>{error.userMessage}</Message>;
  if (status === 'CANCELED') return <Message>{swap.canceled}</Message>;
  return (
    <div className="stage" data-busy={status !== 'WAITING' || undefined}>
      {order !== null && !order.isPlus && <img className="backdrop" src={order.target} alt="" />}
      <p className="message">
        <strong>{queuePosition === null ? STATUS_TEXTS[status] : swap.position(queuePosition)}</strong>
        {waitingReason !== null && <span className="quiet">{WAITING_TEXTS[waitingReason]}</span>}
      </p>
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

function Actions({ children, onClose }: { readonly children?: ReactNode; readonly onClose: () => void }) {
  return (
    <div className="row">
      {children}
      <button type="button" className="plain end" onClick={onClose}>
        {TEXTS.swap.close}
      </button>
    </div>
  );
}
