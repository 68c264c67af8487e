/** The thumbnails of a copy: their widths, and their names in the archive. */

/** In pixels. No others are made, so that nobody can have many made of one picture. */
export const THUMBNAIL_WIDTHS = [64, 128, 320, 640, 1024] as const;
export type ThumbnailWidth = (typeof THUMBNAIL_WIDTHS)[number];

export interface Thumbnail {
  /** The name of the copy. */
  readonly copy: string;
  readonly width: ThumbnailWidth;
}

/** Pictures that can be drawn. Others, and videos, have no thumbnails. */
const DRAWABLE = /\.(?:jpg|png|apng|webp)$/;
const NAME = /^(.+)\.(\d+)\.webp$/;

/** @param copy the copy's name, whose extension says what it is */
export function hasThumbnails(copy: string): boolean {
  return DRAWABLE.test(copy);
}

/** Begins with the copy's name, so that whatever removes a copy without its extension removes its thumbnails too. */
export function thumbnailName({ copy, width }: Thumbnail): string {
  return `${copy}.${width}.webp`;
}

/** Returns null if it is not the name of a thumbnail. */
export function thumbnailOfName(name: string): Thumbnail | null {
  const [, copy, digits] = NAME.exec(name) ?? [];
  const width = digits === undefined ? undefined : widthOf(digits);
  return copy === undefined || width === undefined ? null : { copy, width };
}

/** Returns the width that is written like this. */
export function widthOf(digits: string): ThumbnailWidth | undefined {
  return THUMBNAIL_WIDTHS.find((width) => String(width) === digits);
}
