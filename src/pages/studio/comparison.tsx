/** The result beside the picture that it was made of. */
import { BeforeAfter } from '@face-swap-gateway/client/react';
import { type CSSProperties, type SyntheticEvent, useRef, useState } from 'react';
import { TEXTS } from './texts.js';

interface ComparisonProps {
  readonly before: string;
  readonly after: string;
}

const MAX_ZOOM = 8;

export function Comparison({ before, after }: ComparisonProps) {
  const { swap } = TEXTS;
  const dialog = useRef<HTMLDialogElement>(null);
  const [zoom, setZoom] = useState<number | null>(null);
  const open = (): void => {
    setZoom(1);
    dialog.current?.showModal();
  };
  return (
    <>
      <div className="stage">
        <Pictures before={before} after={after} />
        <button type="button" className="round zoom" aria-label={swap.zoom} onClick={open}>
          ⤢
        </button>
      </div>
      <dialog ref={dialog} aria-label={swap.zoom} onClose={() => setZoom(null)}>
        {zoom !== null && (
          <>
            <div className="row">
              <button
                type="button"
                aria-label={swap.zoomOut}
                disabled={zoom === 1}
                onClick={() => setZoom(zoom / 2)}
              >
                −
              </button>
              <output aria-live="polite">{`${zoom} ×`}</output>
              <button
                type="button"
                aria-label={swap.zoomIn}
                disabled={zoom === MAX_ZOOM}
                onClick={() => setZoom(zoom * 2)}
              >
                +
              </button>
              <button type="button" className="end" onClick={() => dialog.current?.close()}>
                {swap.close}
              </button>
            </div>
            <div className="zoomed">
              <div style={{ width: `${zoom * 100}%`, height: `${zoom * 100}%` }}>
                <Pictures before={before} after={after} />
              </div>
            </div>
          </>
        )}
      </dialog>
    </>
  );
}

/** As large as fits. Without the picture before, which may have been erased since, the result alone. */
function Pictures({ before, after }: ComparisonProps) {
  const { swap } = TEXTS;
  const [ratio, setRatio] = useState<number | null>(null);
  const [missing, setMissing] = useState<'before' | 'after' | null>(null);
  const loaded = ({ target }: SyntheticEvent): void => {
    if (target instanceof HTMLImageElement && target.dataset['part'] !== 'before')
      setRatio(target.naturalWidth / target.naturalHeight);
  };
  const failed = ({ target }: SyntheticEvent): void => {
    if (target instanceof HTMLImageElement)
      setMissing(target.dataset['part'] === 'before' ? 'before' : 'after');
  };
  const style: CSSProperties & { '--ratio': number } = {
    '--ratio': ratio ?? 1,
    opacity: ratio === null ? 0 : 1,
  };

  if (missing === 'after') return <p className="message">{swap.noResult}</p>;
  if (missing === 'before') {
    return (
      <figure className="fit" style={style} onLoadCapture={loaded} onErrorCapture={() => setMissing('after')}>
        <img src={after} alt={swap.after} />
        <figcaption>{swap.noBefore}</figcaption>
      </figure>
    );
  }
  return (
    <BeforeAfter
      className="fit comparison"
      before={before}
      after={after}
      beforeLabel={swap.before}
      afterLabel={swap.after}
      label={swap.slider}
      style={style}
      onLoadCapture={loaded}
      onErrorCapture={failed}
    >
      <span className="handle" />
    </BeforeAfter>
  );
}
