import { TEXTS } from './texts.js';
import type { Faces } from './use-faces.js';
import type { Picture } from './use-picture.js';

interface SlotStatusProps {
  readonly id: string;
  readonly picture: Picture;
  readonly faces: Faces | null;
}

/** How far a picture is, or what is wrong with it. */
export function SlotStatus({ id, picture, faces }: SlotStatusProps) {
  const { problem } = picture;
  return (
    <p id={id} className="slot-status" role="status" data-problem={problem !== null || undefined}>
      {problem ?? <Progress picture={picture} faces={faces} />}
    </p>
  );
}

function Progress({ picture, faces }: Omit<SlotStatusProps, 'id'>) {
  const { busy, progress, address, size, chosen } = picture;
  const { form } = TEXTS;
  if (busy) {
    const percent = progress === null ? 0 : Math.floor((100 * progress.loaded) / Math.max(1, progress.total));
    return <progress aria-label={form.uploading(percent)} value={percent} max={100} />;
  }
  if (address === null) return null;
  // A file has arrived, even if nobody here can measure it.
  if (size === null) return chosen?.file ? form.readyUnmeasured : form.loading;
  const ready = form.ready(size.width, size.height);
  if (faces === null) return ready;
  return `${ready} · ${faces.length === 0 ? form.noFaces : form.faces(faces.length)}`;
}
