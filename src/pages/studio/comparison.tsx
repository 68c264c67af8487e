/** The result beside the picture that it was made of. */
import { BeforeAfter } from '@face-swap-gateway/client/react';
import {
  type CSSProperties,
  type ReactNode,
  type SyntheticEvent,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { TEXTS } from './texts.js';
import { useMissing } from './use-missing.js';

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
                aria-disabled={zoom === 1}
                onClick={() => setZoom(Math.max(1, zoom / 2))}
              >
                −
              </button>
              <output aria-live="polite">{`${zoom} ×`}</output>
              <button
                type="button"
                aria-label={swap.zoomIn}
                aria-disabled={zoom === MAX_ZOOM}
                onClick={() => setZoom(Math.min(MAX_ZOOM, zoom * 2))}
              >
                +
              </button>
              <button type="button" className="end" onClick={() => dialog.current?.close()}>
                {swap.close}
              </button>
            </div>
            <Zoomed zoom={zoom}>
              <Pictures before={before} after={after} canPan={zoom > 1} />
            </Zoomed>
          </>
        )}
      </dialog>
    </>
  );
}

/** Scrolls by keyboard and finger, and keeps its centre where it is. */
function Zoomed({ zoom, children }: { readonly zoom: number; readonly children: ReactNode }) {
  const view = useRef<HTMLElement>(null);
  const before = useRef(zoom);
  useLayoutEffect(() => {
    const { current } = view;
    const factor = zoom / before.current;
    before.current = zoom;
    if (current === null) return;
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = current;
    const kept = (start: number, length: number): number => (start + length / 2) * factor - length / 2;
    current.scrollTo(kept(scrollLeft, clientWidth), kept(scrollTop, clientHeight));
  }, [zoom]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to take the keys for it
    <section ref={view} className="zoomed" tabIndex={0} aria-label={TEXTS.swap.zoomed}>
      <div style={{ width: `${zoom * 100}%`, height: `${zoom * 100}%` }}>{children}</div>
    </section>
  );
}

interface PicturesProps extends ComparisonProps {
  /** Whether a finger moves the picture, which is larger than the screen, rather than the slider. */
  readonly canPan?: boolean;
}

/** As large as fits. Without the picture before, which may have been erased since, the result alone. */
function Pictures({ before, after, canPan = false }: PicturesProps) {
  const { swap } = TEXTS;
  const [ratio, setRatio] = useState<number | null>(null);
  // The result's own address changes when the gateway keeps a copy.
  const missing = useMissing();
  const loaded = ({ target }: SyntheticEvent): void => {
    if (target instanceof HTMLImageElement && target.dataset['part'] !== 'before')
      setRatio(target.naturalWidth / target.naturalHeight);
  };
  const failed = ({ target }: SyntheticEvent): void => {
    if (!(target instanceof HTMLImageElement)) return;
    missing.add(target.dataset['part'] === 'before' ? before : after);
  };
  const style: CSSProperties & { '--ratio': number } = {
    '--ratio': ratio ?? 1,
    opacity: ratio === null ? 0 : 1,
    ...(canPan && { touchAction: 'pan-x pan-y pinch-zoom' }),
  };

  if (missing.has(after)) return <p className="message">{swap.noResult}</p>;
  if (missing.has(before)) {
    return (
      <figure className="fit" style={style} onLoadCapture={loaded} onErrorCapture={failed}>
        <img src={after} alt={swap.after} />
        <figcaption>{swap.noBefore}</figcaption>
      </figure>
    );
  }
  return (
    <>
      {ratio === null && <p className="loading quiet">{swap.loading}</p>}
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
    </>
  );
}
