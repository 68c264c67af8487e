/** Telling pictures and videos by their first bytes. */
import { fileTypeFromBuffer } from 'file-type';

/** What is known of a picture or video by its first bytes. */
export interface MediaType {
  readonly contentType: string;
  /** Without a dot. */
  readonly extension: string;
}

/** What file-type needs at most to tell pictures and videos apart. */
export const HEAD_BYTES = 4100;

/**
 * The type of a picture or video, by its content and not by what anybody says about it. SVG is none: it is a
 * document that can run scripts.
 *
 * @returns null for anything else
 */
export async function mediaTypeOf(head: Uint8Array): Promise<MediaType | null> {
  const type = await fileTypeFromBuffer(head).catch(() => undefined);
  if (type === undefined || !/^(image|video)\//.test(type.mime)) return null;
  return { contentType: type.mime, extension: type.ext };
}
