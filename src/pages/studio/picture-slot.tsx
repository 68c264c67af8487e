/** A place for one picture: drop it, choose it, or give its address. */
import { type DragEvent, useId, useRef, useState } from 'react';
import { AddressField } from './address-field.js';
import { type Dropped, droppedIn } from './dropped.js';
import { SlotPreview } from './slot-preview.js';
import { SlotStatus } from './slot-status.js';
import { TEXTS } from './texts.js';
import { useFaces } from './use-faces.js';
import type { Picture } from './use-picture.js';

interface PictureSlotProps {
  /** For what is pasted while the focus is in it. */
  readonly slot: 'face' | 'scene';
  readonly name: string;
  readonly hint: string;
  /** Media types for the file chooser. It lists no HEIC, so that iOS hands over a JPEG. */
  readonly accept: string;
  readonly picture: Picture;
  readonly showsFaces: boolean;
  readonly onDrop: (dropped: Dropped) => void;
}

export function PictureSlot({ slot, name, hint, accept, picture, showsFaces, onDrop }: PictureSlotProps) {
  const { chosen, address, chooseFile, clear, retry } = picture;
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const ids = { heading: useId(), status: useId() };
  const faces = useFaces(showsFaces && chosen?.isVideo === false ? address : null);

  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    onDrop(droppedIn(event.dataTransfer));
  };

  return (
    <section
      className="slot"
      data-slot={slot}
      aria-labelledby={ids.heading}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <h2 id={ids.heading}>
        {name} <span className="quiet">{hint}</span>
      </h2>
      <div className="slot-place">
        <label className="drop" data-over={isOver || undefined}>
          <input
            ref={input}
            className="hidden"
            type="file"
            accept={accept}
            aria-label={`${name}: ${TEXTS.form.choose}`}
            aria-describedby={ids.status}
            onChange={({ target }) => {
              const file = target.files?.[0];
              if (file) chooseFile(file);
              // So that the same file can be chosen again.
              target.value = '';
            }}
          />
          <SlotPreview name={name} picture={picture} faces={faces} />
        </label>
        {chosen !== null && (
          <button
            type="button"
            className="round"
            aria-label={TEXTS.form.remove(name)}
            onClick={() => {
              clear();
              // The button is gone then.
              input.current?.focus();
            }}
          >
            ×
          </button>
        )}
        {retry !== null && (
          <button type="button" className="retry" onClick={retry}>
            {TEXTS.form.again}
          </button>
        )}
      </div>
      <SlotStatus id={ids.status} picture={picture} faces={faces} />
      <AddressField name={name} picture={picture} />
    </section>
  );
}
