import { useFaceSwap } from '@face-swap-gateway/client/react';
import { useEffect, useState } from 'react';
import { messageOf } from './message-of.js';
import { PictureInput } from './picture-input.js';

/** Two files and a button; then how far they were sent. */
export function SwapForm({ onAccepted }: { readonly onAccepted: (id: string) => void }) {
  const { submit, job, busy, progress, error, interrupted, cancel } = useFaceSwap({ resume: true });
  const [face, setFace] = useState<File | null>(null);
  const [scene, setScene] = useState<File | null>(null);

  const id = job?.id;
  useEffect(() => {
    if (id !== undefined) onAccepted(id);
  }, [id, onAccepted]);

  const isSending = busy && job === null;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (face && scene) submit({ source: face, target: scene });
      }}
    >
      <div className="pictures">
        <PictureInput label="Face" file={face} onChange={setFace} />
        <PictureInput label="Scene" file={scene} onChange={setScene} />
      </div>
      <button type="submit" disabled={!face || !scene || isSending}>
        Swap faces
      </button>
      {isSending && (
        <p>
          <progress aria-label="Sending the pictures" value={progress?.loaded} max={progress?.total} />{' '}
          <button type="button" onClick={() => void cancel()}>
            Stop
          </button>
        </p>
      )}
      {interrupted && (
        <p role="alert">The page was left while your pictures were sent. Please choose them again.</p>
      )}
      {error != null && job === null && <p role="alert">{messageOf(error)}</p>}
    </form>
  );
}
