import type { Upload, UploadProgress } from '@face-swap-gateway/client';
import { useUpload } from '@face-swap-gateway/client/react';
import { useEffect, useState } from 'react';
import { fileProblem } from './file-problem.js';
import { isVideoAddress, isVideoFile } from './media-kind.js';
import type { PageConfig } from './page-config.js';
import { TEXTS } from './texts.js';

interface Chosen {
  /** What the page shows of it. */
  readonly preview: string;
  /** Null for an address. */
  readonly file: File | null;
  readonly isVideo: boolean;
}

/** A picture or video that is chosen for a swap: a file, which is uploaded at once, or an address. */
export interface Picture {
  readonly chosen: Chosen | null;
  readonly progress: UploadProgress | null;
  /** Whether it is on its way. */
  readonly busy: boolean;
  readonly uploaded: Upload | null;
  /** What is wrong with it. */
  readonly problem: string | null;
  /** The address to swap with, once there is one. */
  readonly address: string | null;
  readonly chooseFile: (file: File) => void;
  readonly chooseAddress: (text: string) => void;
  readonly clear: () => void;
}

export function usePicture(config: PageConfig): Picture {
  const { upload, reset, uploaded, progress, busy, error } = useUpload();
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [badAddress, setBadAddress] = useState(false);

  const file = chosen?.file ?? null;
  const preview = chosen?.preview;
  useEffect(() => {
    if (file !== null && preview !== undefined) return () => URL.revokeObjectURL(preview);
    return undefined;
  }, [file, preview]);

  const clear = (): void => {
    reset();
    setChosen(null);
    setBadAddress(false);
  };
  const chooseFile = (next: File): void => {
    clear();
    setChosen({ preview: URL.createObjectURL(next), file: next, isVideo: isVideoFile(next) });
    // Its error is in the hook's state; that of a file that was replaced is nobody's.
    upload(next).catch(() => {});
  };
  const chooseAddress = (text: string): void => {
    clear();
    const address = text.trim();
    if (address === '') return;
    if (/^https?:\/\/[^\s/]/i.test(address) && URL.canParse(address))
      setChosen({ preview: address, file: null, isVideo: isVideoAddress(address) });
    else setBadAddress(true);
  };

  const own = file === null ? (chosen?.preview ?? null) : (uploaded?.url ?? null);
  const failure = file !== null && error != null ? fileProblem(file, error, config) : null;
  return {
    chosen,
    progress,
    busy,
    uploaded: file === null ? null : uploaded,
    problem: badAddress ? TEXTS.form.badAddress : failure,
    address: own,
    chooseFile,
    chooseAddress,
    clear,
  };
}
