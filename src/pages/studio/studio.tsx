/** Puts the page together: what is chosen, what is being sent, and what is shown. */
import type { Connection } from '@face-swap-gateway/client';
import { useConnection, useJob } from '@face-swap-gateway/client/react';
import { useRef, useState } from 'react';
import { CodePanel } from './code-panel.js';
import { refusalText } from './error-text.js';
import { JobList } from './job-list.js';
import { JobPanel } from './job-panel.js';
import { LifeLine } from './life-line.js';
import { Message } from './message.js';
import type { PageConfig } from './page-config.js';
import { orderOf } from './place-order.js';
import { Sending } from './sending.js';
import { SwapForm } from './swap-form.js';
import type { Choice, SwapOrder } from './swap-order.js';
import { TEXTS } from './texts.js';
import { usePicture } from './use-picture.js';
import { useSelectedJob } from './use-selected-job.js';
import { useSwap } from './use-swap.js';

interface StudioProps {
  readonly config: PageConfig;
  readonly onSignOut: () => void;
  /** What was chosen before a token expired. */
  readonly choice: Choice | null;
  readonly onExpired: (choice: Choice) => void;
}

export function Studio({ config, choice, onSignOut, onExpired }: StudioProps) {
  const connection = useConnection();
  const [selected, select] = useSelectedJob();
  const face = usePicture({ config, takesVideos: false, address: choice?.face });
  const scene = usePicture({ config, takesVideos: true, address: choice?.scene });
  const [faceEnhance, setFaceEnhance] = useState(choice?.faceEnhance ?? false);
  const panel = useRef<HTMLElement>(null);
  const { isSending, refusal, place, stop, forget } = useSwap([face, scene], (id) => {
    // Whoever has chosen another one meanwhile is looking at that.
    if (selected === null) select(id);
  });

  const showPanel = (): void => {
    panel.current?.focus({ preventScroll: true });
    panel.current?.scrollIntoView({ block: 'nearest' });
  };
  const swap = (order: SwapOrder): void => {
    select(null);
    showPanel();
    place(order);
  };
  const newest = useRef(selected);
  newest.current = selected;
  /** Calls `action` unless another swap is shown by now: what was done with this one may have taken a while. */
  const ifShown = (id: string, action: () => void): void => {
    if (newest.current === id) action();
  };
  const close = (id: string): void => {
    forget();
    ifShown(id, () => {
      select(null);
      showPanel();
    });
  };

  const chosen: SwapOrder = {
    source: face.address ?? config.samples?.source ?? 'https://example.com/face.jpg',
    target: scene.address ?? config.samples?.target ?? 'https://example.com/scene.jpg',
    isPlus: scene.chosen?.isVideo ?? false,
    faceEnhance,
  };
  const { job: shown } = useJob(selected);
  // Of a swap that another program made, not all is known that it asked for.
  const order = shown === null ? chosen : orderOf(shown);
  const isRefused = refusal != null;
  const isReady = face.address !== null && scene.address !== null;

  return (
    <>
      <header>
        <h1>{TEXTS.title}</h1>
        <p role="status" className="connection" data-connection={connection}>
          {connectionText(connection, config)}
        </p>
        {config.signIn && (
          <button type="button" className="plain" onClick={onSignOut}>
            {TEXTS.signOut}
          </button>
        )}
      </header>
      <main>
        <SwapForm
          face={face}
          scene={scene}
          samples={config.samples}
          // The sandbox invents its faces.
          showsFaces={!config.isSandbox}
          faceEnhance={faceEnhance}
          onFaceEnhance={setFaceEnhance}
          isSending={isSending}
          onSwap={swap}
        />
        <section ref={panel} className="panel swap" aria-label={TEXTS.swap.title} tabIndex={-1}>
          {selected !== null && isRefused && (
            <p role="alert" className="alert">
              {refusalText(refusal)}
            </p>
          )}
          {selected !== null && (
            <JobPanel
              key={selected}
              id={selected}
              isSending={isSending}
              onClose={() => close(selected)}
              onAgain={swap}
              onDone={() => ifShown(selected, showPanel)}
            />
          )}
          {selected === null && isSending && <Sending onStop={stop} />}
          {selected === null && !isSending && (
            <>
              <LifeLine job={null} />
              <Message isAlert={isRefused}>
                {isRefused ? refusalText(refusal) : isReady ? TEXTS.swap.ready : TEXTS.swap.empty}
              </Message>
              <p className="alert" />
              <div className="row" />
            </>
          )}
        </section>
        <CodePanel order={order} config={config} />
        <JobList
          selected={selected}
          onSelect={(id) => {
            // Whoever goes on to another swap has seen why this one was refused.
            if (isRefused) forget();
            select(id);
            showPanel();
          }}
          onExpired={() => onExpired({ face: face.address, scene: scene.address, faceEnhance })}
        />
      </main>
    </>
  );
}

function connectionText(connection: Connection, { isSandbox }: PageConfig): string {
  switch (connection) {
    case 'offline':
      return TEXTS.offline;
    case 'polling':
      return TEXTS.polling;
    case 'idle':
    case 'connecting':
    case 'live':
      return isSandbox ? TEXTS.sandbox : '';
  }
}
