/** A place for one picture: drop it, choose it, or give its address. */
import { type DragEvent, useId, useState } from 'react';
import { droppedIn } from './dropped.js';
import { TEXTS } from './texts.js';
import { type Faces, useFaces } from './use-faces.js';
import type { Picture } from './use-picture.js';

interface PictureSlotProps {
  readonly name: string;
  readonly hint: string;
  /** Media types for the file chooser. It lists no HEIC, so that iOS hands over a JPEG. */
  readonly accept: string;
  readonly picture: Picture;
  readonly showsFaces: boolean;
}

export function PictureSlot({ name, hint, accept, picture, showsFaces }: PictureSlotProps) {
  const { chosen, address, chooseFile, chooseAddress, clear } = picture;
  const [isOver, setOver] = useState(false);
  const [typed, setTyped] = useState('');
  const ids = { heading: useId(), address: useId(), status: useId() };
  const faces = useFaces(showsFaces && chosen?.isVideo === false ? address : null);

  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    const { file, address: text } = droppedIn(event.dataTransfer);
    if (file !== null) chooseFile(file);
    else if (text !== null) chooseAddress(text);
  };

  return (
    <section className="slot" aria-labelledby={ids.heading}>
      <h2 id={ids.heading}>
        {name} <span className="quiet">{hint}</span>
      </h2>
      <div className="slot-place">
        <label
          className="drop"
          data-over={isOver || undefined}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          <input
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
          {chosen === null ? <Invitation /> : <Preview key={chosen.preview} {...chosen} name={name} />}
          {faces !== null && <FoundFaces faces={faces} picture={picture} />}
        </label>
        {chosen !== null && (
          <button type="button" className="round" aria-label={TEXTS.form.remove(name)} onClick={clear}>
            ×
          </button>
        )}
      </div>
      <SlotStatus id={ids.status} picture={picture} faces={faces} />
      <label htmlFor={ids.address} className="hidden">
        {TEXTS.form.address(name)}
      </label>
      <input
        id={ids.address}
        type="url"
        inputMode="url"
        placeholder={TEXTS.form.address(name)}
        value={chosen !== null && chosen.file === null ? chosen.preview : typed}
        onChange={({ target }) => {
          if (chosen !== null && chosen.file === null) clear();
          setTyped(target.value);
        }}
        onBlur={() => take()}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          // Otherwise the form would be sent before the address is read.
          event.preventDefault();
          take();
        }}
      />
    </section>
  );

  function take(): void {
    if (typed.trim() === '') return;
    chooseAddress(typed);
    if (/^https?:/i.test(typed.trim())) setTyped('');
  }
}

function Invitation() {
  return (
    <span className="invitation">
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M12 16V5m0 0L7.5 9.5M12 5l4.500 4.500M5 19h14" />
      </svg>
      <strong>{TEXTS.form.choose}</strong>
      <span className="quiet">{TEXTS.form.orDrop}</span>
    </span>
  );
}

interface PreviewProps {
  readonly preview: string;
  readonly file: File | null;
  readonly isVideo: boolean;
  readonly name: string;
}

function Preview({ preview, file, isVideo, name }: PreviewProps) {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) {
    // What a browser can't show may still be fit: what the gateway says of it stands below.
    return <span className="invitation quiet">{file === null ? TEXTS.form.noPicture : file.name}</span>;
  }
  const onError = (): void => setBroken(true);
  if (isVideo) return <video src={preview} aria-label={name} muted playsInline onError={onError} />;
  return <img src={preview} alt={file?.name ?? name} onError={onError} />;
}

function FoundFaces({ faces, picture }: { readonly faces: Faces; readonly picture: Picture }) {
  // Of the picture that Akool gets, which may be smaller than the file.
  const { width, height } = picture.uploaded ?? {};
  if (!width || !height) return null;
  return (
    <svg className="faces" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {faces.map((face) => (
        <rect key={`${face.x} ${face.y}`} {...face} rx={face.width / 12} vectorEffect="non-scaling-stroke" />
      ))}
    </svg>
  );
}

interface SlotStatusProps {
  readonly id: string;
  readonly picture: Picture;
  readonly faces: Faces | null;
}

function SlotStatus({ id, picture, faces }: SlotStatusProps) {
  const { form } = TEXTS;
  const { problem, busy, progress, uploaded, address } = picture;
  const percent = progress === null ? 0 : Math.floor((100 * progress.loaded) / Math.max(1, progress.total));
  return (
    <p id={id} className="slot-status" role="status" data-problem={problem !== null || undefined}>
      {problem !== null && problem}
      {busy && <progress aria-label={form.uploading(percent)} value={percent} max={100} />}
      {problem === null && !busy && address !== null && (
        <>
          {uploaded?.width && uploaded.height ? form.size(uploaded.width, uploaded.height) : form.ready}
          {faces !== null && ` · ${faces.length === 0 ? form.noFaces : form.faces(faces.length)}`}
        </>
      )}
    </p>
  );
}
