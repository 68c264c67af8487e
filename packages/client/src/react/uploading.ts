/** The uploads of one component, one after the other. */
import type { FaceSwap } from '../face-swap.js';
import type { Upload, UploadProgress } from '../media.js';
import { type Readable, writable } from '../readable.js';

export interface UploadSnapshot {
  /** While a file is on its way; null before its first bytes are. */
  readonly progress: UploadProgress | null;
  /** The file that the gateway has. */
  readonly uploaded: Upload | null;
  /** Why it was not taken: `RequestRefused`. */
  readonly error: unknown;
  readonly busy: boolean;
}

export interface UploadActions {
  /** Uploads a file in place of the one before. @throws RequestRefused, or an AbortError if another one came instead */
  readonly upload: (file: Blob) => Promise<Upload>;
  /** Stops, and forgets the file. */
  readonly reset: () => void;
}

export interface Uploading {
  readonly state: Readable<UploadSnapshot>;
  readonly actions: UploadActions;
}

export const NO_UPLOAD: UploadSnapshot = { progress: null, uploaded: null, error: null, busy: false };

export function createUploading(client: FaceSwap): Uploading {
  const state = writable(NO_UPLOAD);
  let controller = new AbortController();
  const reset = (): void => {
    controller.abort();
    controller = new AbortController();
    state.set(NO_UPLOAD);
  };
  const upload = async (file: Blob): Promise<Upload> => {
    reset();
    const { signal } = controller;
    const show = (more: Partial<UploadSnapshot>): void => {
      if (!signal.aborted) state.set({ ...NO_UPLOAD, ...more });
    };
    show({ busy: true });
    try {
      const onProgress = (progress: UploadProgress): void => show({ busy: true, progress });
      const uploaded = await client.upload(file, { signal, onProgress });
      show({ uploaded });
      return uploaded;
    } catch (error) {
      show({ error });
      throw error;
    }
  };
  return { state, actions: { upload, reset } };
}
