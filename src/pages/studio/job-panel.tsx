/** One swap: how far it is, and what came of it. */
import type { Job } from '@face-swap-gateway/client';
import { useJob } from '@face-swap-gateway/client/react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { codeOf, errorText } from './error-text.js';
import { JobOutcome } from './job-outcome.js';
import { LifeLine } from './life-line.js';
import { Message } from './message.js';
import { orderOf } from './place-order.js';
import type { SwapOrder } from './swap-order.js';
import { STATUS_TEXTS, TEXTS } from './texts.js';

interface JobPanelProps {
  readonly id: string;
  /** Whether a swap is on its way to the gateway: one at a time. */
  readonly isSending: boolean;
  readonly onClose: () => void;
  readonly onAgain: (order: SwapOrder) => void;
  /** A button that had the focus is gone. */
  readonly onDone: () => void;
}

export function JobPanel({ id, isSending, onClose, onAgain, onDone }: JobPanelProps) {
  const { swap } = TEXTS;
  const { job, error, cancel, delete: remove } = useJob(id);
  const [refusal, setRefusal] = useState<unknown>(null);
  const [isAsking, setAsking] = useState(false);
  /** What the gateway has not answered yet. */
  const [doing, setDoing] = useState<'delete' | 'cancel' | null>(null);
  const attempt = (what: 'delete' | 'cancel', action: () => Promise<unknown>): void => {
    setRefusal(null);
    setAsking(false);
    setDoing(what);
    action()
      .then(onDone, setRefusal)
      .finally(() => setDoing(null));
  };
  // The button that had the focus is gone.
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isAsking) keep.current?.focus();
  }, [isAsking]);

  const isGone = codeOf(error) === 'NOT_FOUND';
  if (job === null || isGone) {
    return (
      <>
        <LifeLine job={null} />
        <Message>{isGone ? swap.gone : error == null ? TEXTS.list.loading : errorText(error)}</Message>
        <Alert error={null} />
        <Actions onClose={onClose} />
      </>
    );
  }

  const order = orderOf(job);
  return (
    <>
      <LifeLine job={job} />
      <p className="hidden" role="status">
        {doing === null ? STATUS_TEXTS[job.status] : swap.doing[doing]}
      </p>
      <JobOutcome job={job} />
      <Alert error={refusal ?? error} />
      {isAsking ? (
        <div className="row">
          {/* In the place of the button that asked, so that a double click deletes nothing. */}
          <button
            ref={keep}
            type="button"
            onClick={() => {
              setAsking(false);
              onDone();
            }}
          >
            {swap.keep}
          </button>
          <button
            type="button"
            className="danger"
            onClick={() => attempt('delete', () => remove().then(onClose))}
          >
            {swap.deleteReally}
          </button>
        </div>
      ) : (
        <Actions onClose={onClose}>
          {job.finishedAt !== null && (
            <button type="button" disabled={doing !== null} onClick={() => setAsking(true)}>
              {doing === 'delete' ? swap.doing.delete : swap.delete}
            </button>
          )}
          {job.status === 'WAITING' && (
            <button type="button" disabled={doing !== null} onClick={() => attempt('cancel', cancel)}>
              {doing === 'cancel' ? swap.doing.cancel : swap.cancel}
            </button>
          )}
          {order !== null && mayHelp(job) && (
            <button type="button" className="primary" disabled={isSending} onClick={() => onAgain(order)}>
              {swap.again}
            </button>
          )}
          {job.result && <Download result={job.result} />}
        </Actions>
      )}
    </>
  );
}

/** Whether the same swap may succeed another time. */
function mayHelp({ status, error }: Job): boolean {
  // Akool gives no reason for those that fail while it works on them.
  return status === 'CANCELED' || error?.retryable === true || error?.code === 'GENERATION_FAILED';
}

/** Saves the gateway's own copy under a good name; until there is one, opens the provider's. */
function Download({ result: { url, downloadUrl } }: { readonly result: NonNullable<Job['result']> }) {
  return downloadUrl === null ? (
    <a className="button primary" href={url} target="_blank" rel="noreferrer">
      {TEXTS.swap.open}
    </a>
  ) : (
    // What can't be had must not replace the page: not on this origin, nor from that of PUBLIC_URL.
    <a className="button primary" href={downloadUrl} download target="_blank" rel="noreferrer">
      {TEXTS.swap.download}
    </a>
  );
}

/** @param props.error nothing is said of null, but the room is kept */
function Alert({ error }: { readonly error: unknown }) {
  return (
    <p role="alert" className="alert">
      {error != null && errorText(error)}
    </p>
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
