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
  const { form } = TEXTS;
  const { problem, busy, progress, address, size } = picture;
  const percent = progress === null ? 0 : Math.floor((100 * progress.loaded) / Math.max(1, progress.total));
  return (
    <p id={id} className="slot-status" role="status" data-problem={problem !== null || undefined}>
      {problem}
      {problem === null && busy && (
        <progress aria-label={form.uploading(percent)} value={percent} max={100} />
      )}
      {problem === null && !busy && address !== null && size !== null && (
        <>
          {form.ready(size.width, size.height)}
          {faces !== null && ` · ${faces.length === 0 ? form.noFaces : form.faces(faces.length)}`}
        </>
      )}
      {problem === null && !busy && address !== null && size === null && form.loading}
    </p>
  );
}
