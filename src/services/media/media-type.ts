/** Detects pictures and videos by their first bytes. */
import { fileTypeFromBuffer } from 'file-type';

/** The type of a picture or video. */
interface MediaType {
  readonly contentType: string;
  /** Without a dot. */
  readonly extension: string;
}

/** The most that file-type needs to detect pictures and videos. */
export const HEAD_BYTES = 4100;

/**
 * Returns the type of a picture or video, based only on its content. SVG does not count, because it is a
 * document that can run scripts.
 *
 * @returns null for anything else
 */
export async function mediaTypeOf(head: Uint8Array): Promise<MediaType | null> {
  const type = await fileTypeFromBuffer(head).catch(() => undefined);
  if (type === undefined || !/^(image|video)\//.test(type.mime)) return null;
  return { contentType: type.mime, extension: type.ext };
}
