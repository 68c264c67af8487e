/** A result that is a video, beside the one that it was made of. */
import { type SyntheticEvent, useRef, useState } from 'react';
import { Message } from './message.js';
import { TEXTS } from './texts.js';
import { useMissing } from './use-missing.js';

interface VideoComparisonProps {
  readonly before: string;
  readonly after: string;
}

export function VideoComparison({ before, after }: VideoComparisonProps) {
  const { swap } = TEXTS;
  // The address changes when the gateway keeps a copy, and the video would begin again.
  const [first] = useState(after);
  const missing = useMissing();
  const original = useRef<HTMLVideoElement>(null);
  const source = missing.has(first) ? after : first;
  /** One set of controls moves both. */
  const lead = ({ currentTarget: result }: SyntheticEvent<HTMLVideoElement>): void => {
    const { current } = original;
    if (current === null) return;
    current.currentTime = result.currentTime;
    current.playbackRate = result.playbackRate;
    if (result.paused) current.pause();
    // A browser that plays only one video at a time refuses.
    else current.play().catch(() => {});
  };

  if (missing.has(source)) return <Message>{swap.noResult}</Message>;
  return (
    <div className="stage videos">
      <figure>
        {missing.has(before) ? (
          <p className="message">{swap.noBefore}</p>
        ) : (
          <video
            ref={original}
            src={before}
            aria-label={swap.before}
            muted
            playsInline
            onError={() => missing.add(before)}
          />
        )}
        <figcaption>{swap.before}</figcaption>
      </figure>
      <figure>
        {/* biome-ignore lint/a11y/useMediaCaption: nobody knows what is said in it */}
        <video
          src={source}
          aria-label={swap.after}
          controls
          playsInline
          onPlay={lead}
          onPause={lead}
          onSeeked={lead}
          onRateChange={lead}
          onError={() => missing.add(source)}
        />
        <figcaption>{swap.after}</figcaption>
      </figure>
    </div>
  );
}
