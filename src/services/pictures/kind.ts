/** Decides by its first bytes what a file is, and whether it can be used. */
import { fileTypeFromBuffer } from 'file-type';
import { unsupported } from './picture-fault.js';

/** The most that file-type looks at to tell pictures and videos apart. */
export const KIND_BYTES = 4100;

export type Kind = keyof typeof CONTENT_TYPES;

/** What is accepted, by the names that file-type gives. */
export const CONTENT_TYPES = {
  jpg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  mp4: 'video/mp4',
  mov: 'video/quicktime',
  webm: 'video/webm',
  avi: 'video/x-msvideo',
} as const;

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** Accepted too: the same formats under other names. */
const ALIASES: Readonly<Record<string, Kind>> = { m4v: 'mp4' };

const ACCEPTED = 'Send a JPEG, PNG or WebP picture, or an MP4, MOV, WebM or AVI video.';

/** What people have on their devices, and what to do with it. */
const ADVICE: Readonly<Record<string, string>> = {
  heic: 'This is a HEIC picture. Convert it to JPEG; iPhones do so by themselves where the file input has accept="image/jpeg,image/png,image/webp".',
  avif: 'This is an AVIF picture. Convert it to JPEG or PNG.',
  bmp: 'This is a BMP picture. Convert it to PNG or JPEG.',
  svg: 'This is an SVG drawing, which has no pixels. Export it as PNG or JPEG.',
  html: 'This is an HTML page, perhaps an error message that was saved instead of the picture. Send the picture itself.',
  text: `This is text. ${ACCEPTED}`,
};

/**
 * @param head the first `KIND_BYTES` bytes, or the whole file if it is shorter
 * @throws PictureFault `MEDIA_UNSUPPORTED`, which names what it is where that is known
 */
export async function kindOf(head: Buffer): Promise<Kind> {
  if (head.length === 0) throw unsupported(`The file is empty. ${ACCEPTED}`);
  // file-type looks further, and does not recognise damaged ones.
  if (head.subarray(0, 8).equals(PNG_SIGNATURE)) return 'png';
  const type = await fileTypeFromBuffer(head).catch(() => undefined);
  const name = type === undefined || type.ext === 'xml' ? textKind(head) : type.ext;
  if (name === null) throw unsupported(`This is neither a picture nor a video that can be used. ${ACCEPTED}`);
  if (Object.hasOwn(CONTENT_TYPES, name)) return name as Kind;
  const alias = ALIASES[name];
  if (alias !== undefined) return alias;
  throw unsupported(ADVICE[name] ?? `This file is of the type ${name.toUpperCase()}. ${ACCEPTED}`);
}

function textKind(head: Buffer): 'svg' | 'html' | 'xml' | 'text' | null {
  const text = head.toString('utf8').trimStart().toLowerCase();
  // The last character may be cut off.
  if (text.includes('\0') || text.slice(0, -1).includes('\ufffd')) return null;
  if (!text.startsWith('<')) return 'text';
  if (text.includes('<svg')) return 'svg';
  return text.includes('<html') || text.includes('<!doctype html') ? 'html' : 'xml';
}
