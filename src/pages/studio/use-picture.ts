import type { Upload, UploadProgress } from '@face-swap-gateway/client';
import { useUpload } from '@face-swap-gateway/client/react';
import { useEffect, useState } from 'react';
import { errorText } from './error-text.js';
import { fileProblem } from './file-problem.js';
import { isVideoAddress } from './media-kind.js';
import type { PageConfig } from './page-config.js';
import { TEXTS } from './texts.js';

export interface Chosen {
  /** Of each choice another: what is chosen again is loaded again. */
  readonly choice: string;
  /** What the page shows of it. */
  readonly preview: string;
  /** Null for an address. */
  readonly file: File | null;
  readonly isVideo: boolean;
}

/** In pixels, upright. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A picture or video that is chosen for a swap: a file, which is uploaded at once, or an address. */
export interface Picture {
  readonly chosen: Chosen | null;
  readonly progress: UploadProgress | null;
  /** Whether it is on its way. */
  readonly busy: boolean;
  /** What is wrong with it. */
  readonly problem: string | null;
  /** The address to swap with, once there is one. */
  readonly address: string | null;
  /** Of what Akool gets, once it is known. */
  readonly size: PictureSize | null;
  readonly chooseFile: (file: File) => void;
  /** Says so and keeps what was chosen if `text` is no address; an empty one takes away an address. */
  readonly chooseAddress: (text: string) => void;
  readonly clear: () => void;
  /** The browser has shown the preview, or null if it can't. */
  readonly previewed: (size: PictureSize | null) => void;
  /** Sends a file that was not taken though nothing is wrong with it; null if there is none. */
  readonly retry: (() => void) | null;
  /** Uploads the file once more; returns its new address. */
  readonly renew: () => Promise<string | null>;
}

interface UsePictureOptions {
  readonly config: PageConfig;
  readonly takesVideos: boolean;
  /** What is chosen at first. */
  readonly address?: string | null | undefined;
}

export function usePicture({ config, takesVideos, address = null }: UsePictureOptions): Picture {
  const { upload, reset, uploaded, progress, busy, error } = useUpload();
  const [chosen, setChosen] = useState(() => (address === null ? null : chosenAt(address)));
  const [fault, setFault] = useState<string | null>(null);
  const [isNoAddress, setNoAddress] = useState(false);
  const [shown, setShown] = useState<PictureSize | null>(null);
  const [isUnseen, setUnseen] = useState(false);

  const file = chosen?.file ?? null;
  const preview = chosen?.preview;
  useEffect(() => {
    if (file !== null && preview !== undefined) return () => URL.revokeObjectURL(preview);
    return undefined;
  }, [file, preview]);

  const clear = (): void => {
    reset();
    setChosen(null);
    setFault(null);
    setNoAddress(false);
    setShown(null);
    setUnseen(false);
  };
  const chooseFile = (next: File): void => {
    clear();
    const isVideo = next.type.startsWith('video/');
    const preview = URL.createObjectURL(next);
    setChosen({ choice: preview, preview, file: next, isVideo });
    if (isVideo && !takesVideos) setFault(TEXTS.form.noVideo);
    // Its error is in the hook's state; that of a file that was replaced is nobody's.
    else upload(next).catch(() => {});
  };
  const chooseAddress = (text: string): void => {
    const typed = text.trim();
    if (typed === '') {
      if (file === null) clear();
      setNoAddress(false);
      return;
    }
    const url = URL.canParse(typed) ? new URL(typed) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) {
      setNoAddress(true);
      return;
    }
    clear();
    const next = chosenAt(url.href);
    setChosen(next);
    if (next.isVideo && !takesVideos) setFault(TEXTS.form.noVideo);
  };

  const hasFailed = file !== null && error != null;
  const ofFile = hasFailed ? fileProblem(file, error, { ...config, takesVideos }) : null;
  const problem = fault ?? ofFile ?? (hasFailed ? errorText(error) : null);
  // Akool may see what this page can't: it is told, and may be tried.
  const unseen = isUnseen ? TEXTS.form.noPicture : null;
  const warning = isNoAddress ? TEXTS.form.badAddress : unseen;
  const own = file === null ? preview : uploaded?.url;
  const { width, height } = (file === null ? null : uploaded) ?? ({} as Partial<Upload>);
  return {
    chosen,
    progress,
    busy,
    problem: problem ?? warning,
    address: problem === null ? (own ?? null) : null,
    // The gateway does not measure every kind of video.
    size: width && height ? { width, height } : file === null || uploaded ? shown : null,
    chooseFile,
    chooseAddress,
    clear,
    previewed: (size) => {
      setShown(size);
      // What a browser can't show of a file may still be fit: the gateway says so.
      setUnseen(size === null && file === null);
    },
    retry: hasFailed && ofFile === null ? () => void upload(file).catch(() => {}) : null,
    renew: async () => (file === null ? (own ?? null) : (await upload(file)).url),
  };
}

let addressesChosen = 0;

function chosenAt(address: string): Chosen {
  addressesChosen += 1;
  return {
    choice: String(addressesChosen),
    preview: address,
    file: null,
    isVideo: isVideoAddress(new URL(address).pathname),
  };
}
