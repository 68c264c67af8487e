import { useMemo } from 'react';
import { useFaceSwapClient } from './context.js';
import { createUploading, NO_UPLOAD, type UploadActions, type UploadSnapshot } from './uploading.js';
import { useReadable } from './use-readable.js';

export interface UseUpload extends UploadSnapshot, UploadActions {}

/**
 * Uploads one file at a time, for example as soon as it is chosen. An upload goes on if the component is unmounted.
 *
 *     const { upload, progress, uploaded, error } = useUpload();
 *     <input type="file" onChange={({ target }) => upload(target.files[0]).catch(() => {})} />
 *     <button disabled={!uploaded} onClick={() => submit({ source: uploaded, target })}>Swap</button>
 */
export function useUpload(): UseUpload {
  const client = useFaceSwapClient();
  const { state, actions } = useMemo(() => createUploading(client), [client]);
  return { ...useReadable(state, NO_UPLOAD), ...actions };
}
