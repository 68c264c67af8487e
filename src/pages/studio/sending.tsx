import type { UploadProgress } from '@face-swap-gateway/client';
import { LifeLine } from './life-line.js';
import { TEXTS } from './texts.js';

interface SendingProps {
  readonly progress: UploadProgress | null;
  readonly onStop: () => void;
}

/** Until the gateway has answered, which may take its time where the line is bad. */
export function Sending({ progress, onStop }: SendingProps) {
  return (
    <>
      <LifeLine job={null} />
      <div className="stage" data-busy>
        <p className="message" role="status">
          <strong>{TEXTS.swap.sending}</strong>
          {progress !== null && (
            <progress aria-label={TEXTS.swap.sending} value={progress.loaded} max={progress.total} />
          )}
        </p>
      </div>
      <p className="alert" />
      <div className="row">
        {/* Not where "Try again" was, so that a double click there stops nothing. */}
        <button type="button" className="end" onClick={onStop}>
          {TEXTS.swap.stop}
        </button>
      </div>
    </>
  );
}
