import {
  type ComponentPropsWithoutRef,
  type CSSProperties,
  type KeyboardEvent,
  type PointerEvent,
  type ReactElement,
  type ReactNode,
  useRef,
  useState,
} from 'react';

export interface BeforeAfterProps
  extends Omit<
    ComponentPropsWithoutRef<'div'>,
    'children' | 'onPointerDown' | 'onPointerMove' | 'onPointerCancel'
  > {
  /** The address of the picture on the left, usually the target of the swap. */
  readonly before: string;
  /** The address of the picture on the right, which decides the size. */
  readonly after: string;
  /** Shown on the pictures, and told to those who can't see them. */
  readonly beforeLabel?: string | undefined;
  readonly afterLabel?: string | undefined;
  /** What the slider is called by screen readers. */
  readonly label?: string | undefined;
  /** How much of the picture before is shown at first, in percent. */
  readonly defaultPosition?: number | undefined;
  readonly onPositionChange?: ((position: number) => void) | undefined;
  /** What is drawn on the line between the two, in place of a plain line. */
  readonly children?: ReactNode;
}

/** How far keys move the slider, in percent. */
const STEPS: Readonly<Record<string, number>> = {
  ArrowRight: 2,
  ArrowUp: 2,
  ArrowLeft: -2,
  ArrowDown: -2,
  Home: -100,
  End: 100,
};

/** Lies on top of the picture. */
function part(name: string, style: CSSProperties) {
  return { 'data-part': name, style: { position: 'absolute', ...style } } as const;
}

/**
 * Two pictures on top of each other, and a slider that shows more of the one or the other: by mouse, finger or keyboard.
 *
 *     <BeforeAfter before={target} after={job.result.url} className="comparison" />
 *
 * It has no looks of its own but a line. Style its parts by `data-part`: `before`, `after`, `before-label`, `after-label`,
 * `slider` and `line`.
 */
export function BeforeAfter({
  before,
  after,
  beforeLabel = 'Before',
  afterLabel = 'After',
  label = `${beforeLabel} / ${afterLabel}`,
  defaultPosition = 50,
  onPositionChange,
  children,
  style,
  ...rest
}: BeforeAfterProps): ReactElement {
  const [position, setPosition] = useState(() => within(defaultPosition));
  const slider = useRef<HTMLDivElement>(null);
  const begunAt = useRef(position);

  const move = (to: number): void => {
    const next = within(to);
    if (next === position) return;
    setPosition(next);
    onPositionChange?.(next);
  };
  const moveTo = ({ clientX, currentTarget }: PointerEvent<HTMLDivElement>): void => {
    const { left, width } = currentTarget.getBoundingClientRect();
    if (width) move(((clientX - left) / width) * 100);
  };
  const begin = (event: PointerEvent<HTMLDivElement>): void => {
    if (event.button) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    slider.current?.focus({ preventScroll: true });
    // Otherwise the browser would move the focus, or select labels.
    event.preventDefault();
    // A second finger comes when the first has moved the slider already.
    if (event.isPrimary) begunAt.current = position;
    moveTo(event);
  };
  const drag = (event: PointerEvent<HTMLDivElement>): void => {
    if (event.currentTarget.hasPointerCapture(event.pointerId)) moveTo(event);
  };
  const press = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    // Otherwise the page would scroll.
    event.preventDefault();
    move(position + step);
  };

  const shown = Math.round(position);
  return (
    <div
      {...rest}
      style={{ position: 'relative', overflow: 'hidden', touchAction: 'pan-y pinch-zoom', ...style }}
      onPointerDown={begin}
      onPointerMove={drag}
      // The finger scrolls, or is one of two that zoom the page.
      onPointerCancel={() => move(begunAt.current)}
    >
      <img
        data-part="after"
        src={after}
        alt={afterLabel}
        draggable={false}
        style={{ display: 'block', width: '100%' }}
      />
      <img
        src={before}
        alt={beforeLabel}
        draggable={false}
        {...part('before', {
          inset: 0,
          width: '100%',
          height: '100%',
          objectFit: 'cover',
          clipPath: `inset(0 ${100 - position}% 0 0)`,
        })}
      />
      <span aria-hidden {...part('before-label', { bottom: 0, left: 0 })}>
        {beforeLabel}
      </span>
      <span aria-hidden {...part('after-label', { bottom: 0, right: 0 })}>
        {afterLabel}
      </span>
      <div
        ref={slider}
        role="slider"
        tabIndex={0}
        aria-label={label}
        // Its limits are 0 and 100 by default (WAI-ARIA 1.2).
        aria-valuenow={shown}
        aria-valuetext={`${beforeLabel} ${shown} %`}
        onKeyDown={press}
        {...part('slider', {
          top: 0,
          bottom: 0,
          left: `${position}%`,
          // A finger is some 44 pixels wide.
          width: 44,
          marginLeft: -22,
          cursor: 'ew-resize',
        })}
      >
        {children ?? <span {...part('line', { inset: '0 21px', background: 'currentColor' })} />}
      </div>
    </div>
  );
}

function within(position: number): number {
  return Math.min(100, Math.max(0, position));
}
