import { TEXTS } from './texts.js';
import type { Faces } from './use-faces.js';
import { useMissing } from './use-missing.js';
import type { Chosen, Picture, PictureSize } from './use-picture.js';

interface SlotPreviewProps {
  readonly name: string;
  readonly picture: Picture;
  readonly faces: Faces | null;
}

/** What is chosen, with its faces; or an invitation to choose something. */
export function SlotPreview({ name, picture: { chosen, size, previewed }, faces }: SlotPreviewProps) {
  if (chosen === null) return <Invitation />;
  return (
    <>
      <Preview key={chosen.choice} {...chosen} name={name} onPreviewed={previewed} />
      {faces !== null && size !== null && <FoundFaces faces={faces} size={size} />}
    </>
  );
}

function Invitation() {
  return (
    <span className="invitation">
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M12 16V5m0 0L7.5 9.5M12 5l4.5 4.5M5 19h14" />
      </svg>
      <strong>{TEXTS.form.choose}</strong>
      <span className="quiet">{TEXTS.form.orDrop}</span>
    </span>
  );
}

interface PreviewProps extends Chosen {
  readonly name: string;
  readonly onPreviewed: Picture['previewed'];
}

function Preview({ preview, file, isVideo, name, onPreviewed }: PreviewProps) {
  const missing = useMissing();
  const fail = (): void => {
    missing.add(preview);
    onPreviewed(null);
  };
  if (missing.has(preview)) return <span className="invitation quiet">{file?.name ?? preview}</span>;
  if (isVideo) {
    return (
      <video
        src={preview}
        aria-label={name}
        muted
        playsInline
        onLoadedMetadata={({ currentTarget: { videoWidth, videoHeight } }) =>
          onPreviewed({ width: videoWidth, height: videoHeight })
        }
        onError={fail}
      />
    );
  }
  return (
    <img
      src={preview}
      alt={file?.name ?? name}
      onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
        onPreviewed({ width: naturalWidth, height: naturalHeight })
      }
      onError={fail}
    />
  );
}

function FoundFaces({ faces, size }: { readonly faces: Faces; readonly size: PictureSize }) {
  return (
    <svg className="faces" viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true">
      {faces.map((face) => (
        <rect key={`${face.x} ${face.y}`} {...face} rx={face.width / 12} vectorEffect="non-scaling-stroke" />
      ))}
    </svg>
  );
}
