import { LifeLine } from './life-line.js';
import { TEXTS } from './texts.js';

/** Until the gateway has answered, which may take its time where the line is bad. */
export function Sending({ onStop }: { readonly onStop: () => void }) {
  return (
    <>
      <LifeLine job={null} />
      <div className="stage" data-busy>
        <p className="message" role="status">
          <strong>{TEXTS.swap.sending}</strong>
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
