/** Removes copies together with their thumbnails. */
import type { BlobStore } from './blob-store.js';
import { hasThumbnails, THUMBNAIL_WIDTHS, thumbnailName } from './thumbnail-name.js';

/**
 * Removes the copy first: whoever is making a thumbnail of it meanwhile finds it gone afterwards, and removes the
 * thumbnail.
 */
export async function removeCopy(archive: BlobStore, copy: string, signal?: AbortSignal): Promise<void> {
  await archive.remove(copy, signal);
  await removeThumbnails(archive, copy, signal);
}

/** For a copy that has just been replaced. */
export async function removeThumbnails(
  archive: BlobStore,
  copy: string,
  signal?: AbortSignal,
): Promise<void> {
  if (!hasThumbnails(copy)) return;
  await Promise.all(THUMBNAIL_WIDTHS.map((width) => archive.remove(thumbnailName({ copy, width }), signal)));
}
