import { useEffect, useRef } from 'react';
import { type Dropped, droppedIn } from './dropped.js';

/** Calls `onPaste` with what is pasted, unless it is text for an input field. */
export function usePaste(onPaste: (pasted: Dropped) => void): void {
  const latest = useRef(onPaste);
  latest.current = onPaste;
  useEffect(() => {
    const paste = (event: ClipboardEvent): void => {
      const pasted = droppedIn(event.clipboardData);
      const { target } = event;
      const isText = target instanceof HTMLInputElement && target.type !== 'file';
      if (pasted.files.length === 0 && (isText || !/^https?:/i.test(pasted.address ?? ''))) return;
      event.preventDefault();
      latest.current(pasted);
    };
    // A file or a link that misses its place would otherwise replace the page.
    const keep = (event: DragEvent): void => {
      const types = event.dataTransfer?.types ?? [];
      if (types.includes('Files') || types.includes('text/uri-list')) event.preventDefault();
    };
    window.addEventListener('paste', paste);
    window.addEventListener('dragover', keep);
    window.addEventListener('drop', keep);
    return () => {
      window.removeEventListener('paste', paste);
      window.removeEventListener('dragover', keep);
      window.removeEventListener('drop', keep);
    };
  }, []);
}
