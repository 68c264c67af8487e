/** Puts the page together: what is chosen, what is shown, and what is being sent. */
import type { Media } from '@face-swap-gateway/client';
import { useConnection, useFaceSwap, useJob } from '@face-swap-gateway/client/react';
import { useEffect, useRef, useState } from 'react';
import { CodePanel } from './code-panel.js';
import { errorText, isUploadGone } from './error-text.js';
import { JobList } from './job-list.js';
import { JobPanel, Message } from './job-panel.js';
import { LifeLine } from './life-line.js';
import type { PageConfig } from './page-config.js';
import { orderOf, placeOrder } from './place-order.js';
import { Sending } from './sending.js';
import { SwapForm } from './swap-form.js';
import type { SwapOrder } from './swap-order.js';
import { TEXTS } from './texts.js';
import { usePicture } from './use-picture.js';
import { useSelectedJob } from './use-selected-job.js';

interface StudioProps {
  readonly config: PageConfig;
  readonly onSignOut: () => void;
  readonly onExpired: () => void;
}

export function Studio({ config, onSignOut, onExpired }: StudioProps) {
  const connection = useConnection();
  const swapping = useFaceSwap({ resume: true });
  const [selected, select] = useSelectedJob();
  const face = usePicture(config);
  const scene = usePicture(config);
  const [faceEnhance, setFaceEnhance] = useState(false);
  const panel = useRef<HTMLElement>(null);
  /** What was submitted last: a job does not tell all of it. */
  const placed = useRef<SwapOrder | null>(null);

  const { job, busy, progress, error, interrupted } = swapping;
  const isSending = busy && job === null;
  const isRefused = error != null && job === null;
  // The job that was submitted here is shown once it is accepted, unless another one was chosen meanwhile.
  const accepted = job?.id;
  const isFree = selected === null;
  useEffect(() => {
    if (accepted !== undefined && isFree) select(accepted);
    // Only when it is accepted: closing it later does not bring it back.
  }, [accepted]);

  const swap = async (order: SwapOrder): Promise<void> => {
    placed.current = order;
    select(null);
    panel.current?.scrollIntoView({ block: 'nearest' });
    try {
      await placeOrder(swapping, order).id;
    } catch (refusal) {
      const again = { ...order, source: fileOf(order.source), target: fileOf(order.target) };
      const hasFile = again.source instanceof File || again.target instanceof File;
      // The error is shown unless the files are still there, which are sent once more then.
      if (isUploadGone(refusal) && hasFile) placeOrder(swapping, again).id.catch(() => {});
    }
  };
  /** The file whose upload this is the address of. */
  const fileOf = (address: string): Media =>
    [face, scene].find((picture) => picture.address === address)?.chosen?.file ?? address;

  const chosen: SwapOrder = {
    source: face.address ?? config.samples?.source ?? 'https://example.com/face.jpg',
    target: scene.address ?? config.samples?.target ?? 'https://example.com/scene.jpg',
    isPlus: scene.chosen?.isVideo ?? false,
    faceEnhance,
  };
  const { job: shown } = useJob(selected);
  const ofShown = shown && (shown.id === accepted && placed.current ? placed.current : orderOf(shown));

  return (
    <>
      <header>
        <h1>{TEXTS.title}</h1>
        <p role="status" className="connection" data-connection={connection}>
          {connection === 'offline' ? TEXTS.offline : connection === 'polling' ? TEXTS.polling : ''}
        </p>
        <nav>
          {config.signIn && (
            <button type="button" className="plain" onClick={onSignOut}>
              {TEXTS.signOut}
            </button>
          )}
        </nav>
      </header>
      <main>
        <SwapForm
          face={face}
          scene={scene}
          samples={config.samples}
          faceEnhance={faceEnhance}
          onFaceEnhance={setFaceEnhance}
          onSwap={(order) => void swap(order)}
        />
        <section ref={panel} className="panel swap" aria-label={TEXTS.swap.title}>
          {interrupted && <p role="alert">{TEXTS.form.interrupted}</p>}
          {isSending && <Sending progress={progress} onStop={() => void swapping.cancel()} />}
          {!isSending && selected !== null && (
            <JobPanel
              key={selected}
              id={selected}
              onClose={() => select(null)}
              onAgain={(order) => void swap(order)}
            />
          )}
          {!isSending && selected === null && (
            <>
              <LifeLine job={null} />
              <Message isAlert={isRefused}>{isRefused ? errorText(error) : TEXTS.swap.empty}</Message>
              <div className="row" />
            </>
          )}
        </section>
        <CodePanel order={ofShown ?? chosen} needsToken={config.signIn} />
        <JobList selected={selected} onSelect={select} onExpired={onExpired} />
      </main>
    </>
  );
}
