import { RequestRefused } from '@face-swap-gateway/client';
import { errorText } from './error-text.js';
import type { PageConfig } from './page-config.js';
import { TEXTS } from './texts.js';

const MIB = 1024 * 1024;

/** What to tell the user of a file that was not taken; null if the file is not to blame. */
export function fileProblem(
  { type, name }: File,
  error: unknown,
  { maxImageBytes, maxVideoBytes, takesVideos }: PageConfig & { readonly takesVideos: boolean },
): string | null {
  const { files } = TEXTS;
  // The browser can't read it.
  if (error instanceof DOMException) return files.unreadable;
  const code = error instanceof RequestRefused ? (error.fieldErrors[0]?.code ?? error.code) : null;
  switch (code) {
    case 'CONTENT_TYPE_UNSUPPORTED':
    case 'MEDIA_UNSUPPORTED':
      return /hei[cf]/i.test(type) || /\.hei[cf]$/i.test(name)
        ? files.heic
        : type.startsWith('video/')
          ? files.video
          : takesVideos
            ? files.pictureOrVideo
            : files.picture;
    case 'UPLOAD_TOO_LARGE':
    case 'TOO_LARGE':
      return files.large((type.startsWith('video/') ? maxVideoBytes : maxImageBytes) / MIB);
    case 'BYTE_SIZE_INVALID':
      return files.empty;
    case 'MEDIA_BROKEN':
      return errorText(error);
    default:
      return null;
  }
}
