/** The media types that callers announce: which can be uploaded, and what to do about the others. */
import { UPLOAD_TYPES } from './upload.js';

export type UploadType = keyof typeof UPLOAD_TYPES;

const ALL = Object.keys(UPLOAD_TYPES).join(', ');

/** Every reason to refuse a type, and what to do. */
export const UPLOAD_TYPE_FAULTS = {
  HEIC: 'must not be HEIC, which Akool cannot read: iOS hands over a JPEG if the file input has accept="image/jpeg,image/png,image/webp"; otherwise convert it to JPEG',
  AVIF: 'must not be AVIF, which Akool cannot read: convert it to JPEG, PNG or WebP',
  BMP: 'must not be BMP, which this gateway does not take: convert it to PNG',
  OTHER: `must be one of ${ALL}`,
} as const;

export type UploadTypeFault = keyof typeof UPLOAD_TYPE_FAULTS;

/** What other programs call them. */
const ALIASES: ReadonlyMap<string, UploadType> = new Map([
  ['image/jpg', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  ['image/x-png', 'image/png'],
  ['video/x-m4v', 'video/mp4'],
  ['video/avi', 'video/x-msvideo'],
  ['video/msvideo', 'video/x-msvideo'],
]);

/** Returns the type that is meant, whatever its case and its parameters; null if it can't be uploaded. */
export function toUploadType(text: string): UploadType | null {
  const type = plain(text);
  return Object.hasOwn(UPLOAD_TYPES, type) ? (type as UploadType) : (ALIASES.get(type) ?? null);
}

export function uploadTypeFault(text: string): UploadTypeFault | null {
  if (toUploadType(text) !== null) return null;
  const type = plain(text);
  if (/^image\/hei[cf](?:-sequence)?$/.test(type)) return 'HEIC';
  if (type.startsWith('image/avif')) return 'AVIF';
  return /^image\/(?:x-)?(?:ms-)?bmp$/.test(type) ? 'BMP' : 'OTHER';
}

function plain(text: string): string {
  const [type = ''] = text.split(';', 1);
  return type.trim().toLowerCase();
}
