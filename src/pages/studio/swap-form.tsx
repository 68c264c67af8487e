/** The two pictures, and the button. */
import type { Dropped } from './dropped.js';
import type { PageConfig } from './page-config.js';
import { PictureSlot } from './picture-slot.js';
import type { SwapOrder } from './swap-order.js';
import { TEXTS } from './texts.js';
import { usePaste } from './use-paste.js';
import type { Picture } from './use-picture.js';

interface SwapFormProps {
  readonly face: Picture;
  readonly scene: Picture;
  readonly samples: PageConfig['samples'];
  /** Whether it draws the faces that were found. */
  readonly showsFaces: boolean;
  readonly faceEnhance: boolean;
  readonly onFaceEnhance: (wanted: boolean) => void;
  /** Whether another swap is on its way to the gateway: one at a time. */
  readonly isSending: boolean;
  readonly onSwap: (order: SwapOrder) => void;
}

const PICTURES = 'image/jpeg,image/png,image/webp';
const VIDEOS = 'video/mp4,video/quicktime,video/webm,video/x-msvideo';

export function SwapForm(props: SwapFormProps) {
  const { face, scene, samples, showsFaces, faceEnhance, onFaceEnhance, isSending, onSwap } = props;
  const { form } = TEXTS;
  usePaste((pasted) => {
    // The one with the focus; else the first that is empty.
    const focused = document.activeElement?.closest<HTMLElement>('[data-slot]')?.dataset['slot'];
    const isFace = (focused ?? (face.chosen === null ? 'face' : 'scene')) === 'face';
    if (isFace) take(pasted, face, scene);
    else take(pasted, scene, face);
  });
  const source = face.address;
  const target = scene.address;

  return (
    <form
      className="panel"
      aria-label={form.title}
      // An address that is none keeps what was chosen, so it must not keep the form from being sent.
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (source !== null && target !== null)
          onSwap({ source, target, faceEnhance, isPlus: scene.chosen?.isVideo ?? false });
      }}
    >
      <div className="slots">
        <PictureSlot
          slot="face"
          name={form.face}
          hint={form.faceHint}
          accept={PICTURES}
          picture={face}
          showsFaces={showsFaces}
          onDrop={(dropped) => take(dropped, face, scene)}
        />
        <PictureSlot
          slot="scene"
          name={form.scene}
          hint={form.sceneHint}
          accept={`${PICTURES},${VIDEOS}`}
          picture={scene}
          showsFaces={showsFaces}
          onDrop={(dropped) => take(dropped, scene, face)}
        />
      </div>
      <div className="row">
        <label className="check">
          <input
            type="checkbox"
            checked={faceEnhance}
            onChange={({ target: box }) => onFaceEnhance(box.checked)}
          />
          {form.enhance}
        </label>
        {samples !== null && (
          <button
            type="button"
            className="plain"
            onClick={() => {
              face.chooseAddress(samples.source);
              scene.chooseAddress(samples.target);
            }}
          >
            {form.samples}
          </button>
        )}
        <button type="submit" className="primary" disabled={isSending || source === null || target === null}>
          {form.swap}
        </button>
      </div>
    </form>
  );
}

/** @param other takes the second of two files */
function take({ files: [file, second], address }: Dropped, picture: Picture, other: Picture): void {
  if (file) picture.chooseFile(file);
  else if (address !== null) picture.chooseAddress(address);
  if (second) other.chooseFile(second);
}
