/** Pictures that callers pass as base64. */
import { mediaTypeOf } from '../media/media-type.js';

/** Size after decoding. */
const MAX_IMAGE_BYTES = 5 * 1024 * 1024;
const MAX_DATA_URI_HEAD = 1000;
/** A picture with a line break after each 76 digits, and a tenth more. */
const MAX_CHARACTERS = 7_900_000;
/** Base64 is decoded in pieces of this size. */
const PIECE_BYTES = 48 * 1024;
const PIECE_DIGITS = (PIECE_BYTES * 4) / 3;
/** A blank beside a line break is indentation; one within a line may have been a plus sign. */
const BLANK_WITHIN_LINE = /\S[^\S\r\n]+\S/;
/** A comma within quotes does not end the parameters. */
const HEAD = /^\s*data:((?:"[^"]*"|[^",])*),/i;
/** Some programs leave a quotation mark in a file name as it is. */
const CARELESS_HEAD = /^\s*data:([^,]*),/i;
const IMAGE_TYPE = /^image\/[\w.+*-]+$/;
const NOT_A_DIGIT = /[^A-Za-z\d+/=]/;
/** The most base64 digits that are needed to detect a picture's type. */
const HEAD_DIGITS = 8192;

/** Every reason to refuse a picture, and what to do. */
export const IMAGE_FAULTS = {
  EMPTY: 'must not be empty: pass the bytes of a picture in base64',
  ADDRESS: 'must be base64: pass the address of a picture as url',
  NOT_A_PICTURE_URI: 'must be a picture: this data URI names another media type',
  NOT_A_BASE64_URI: 'must be base64: this data URI is not marked with ;base64',
  CUT_OFF: 'must be complete base64: its length shows that the end is missing',
  BLANK:
    'must have no blanks within a line: decoding a form makes blanks of +, so send it as JSON, or + as %2B',
  PERCENT_ENCODED: 'must not be percent-encoded: pass base64 as it is, or decode it first',
  NOT_BASE64: 'must be base64, plain or as a data URI',
  TOO_LARGE: 'must be at most 5 MB; use url for larger pictures',
  HEIC: 'must not be HEIC, which Akool cannot read: convert it to JPEG or PNG',
  NOT_A_PICTURE: 'must be a picture, like PNG or JPEG',
} as const;

export type ImageFault = keyof typeof IMAGE_FAULTS;

/**
 * Reads base64 as programs write it: plain or base64url, with line breaks, or as a data URI.
 *
 * @returns the picture in base64, as a data URI if it names an image type; or why it is refused
 */
export async function readPicture(text: string): Promise<{ base64: string } | { fault: ImageFault }> {
  let mediaType: string | null = null;
  const beginning = text.slice(0, MAX_DATA_URI_HEAD);
  const head = HEAD.exec(beginning) ?? CARELESS_HEAD.exec(beginning);
  if (head !== null) {
    const [type = '', ...parameters] = (head[1] ?? '').split(';').map((part) => part.trim().toLowerCase());
    mediaType = type;
    if (parameters.at(-1) !== 'base64') return { fault: 'NOT_A_BASE64_URI' };
    // Browsers name a file of unknown type application/octet-stream, or leave the type out.
    if (type !== '' && type !== 'application/octet-stream' && !IMAGE_TYPE.test(type))
      return { fault: 'NOT_A_PICTURE_URI' };
  } else if (/^\s*https?(?::|%3a)/i.test(beginning)) {
    return { fault: 'ADDRESS' };
  }
  if (text.length > MAX_CHARACTERS) return { fault: 'TOO_LARGE' };
  const digits = text.slice(head?.[0].length ?? 0).trim();
  if (BLANK_WITHIN_LINE.test(digits)) return { fault: 'BLANK' };
  const base64 = padded(NOT_A_DIGIT.test(digits) ? standardDigits(digits) : digits);
  const fault = digitsFault(base64) ?? (await contentFault(base64));
  if (fault !== null) return { fault };
  return { base64: mediaType?.startsWith('image/') ? `data:${mediaType};base64,${base64}` : base64 };
}

const [DASH, PLUS, UNDERSCORE, SLASH] = [0x2d, 0x2b, 0x5f, 0x2f];
/** In place of what does not fit into a byte; refused like any other byte that is no digit. */
const EXCLAMATION_MARK = 0x21;

/**
 * Removes whitespace, and makes base64 of base64url. Text functions take 20 times as long for a line break after each
 * digit, and block everyone for seconds.
 */
function standardDigits(text: string): string {
  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (isBlank(code)) continue;
    if (code > 0x7f) bytes[length++] = EXCLAMATION_MARK;
    else bytes[length++] = code === DASH ? PLUS : code === UNDERSCORE ? SLASH : code;
  }
  return bytes.toString('latin1', 0, length);
}

/** ASCII's whitespace, no-break space, byte order mark, and the separators of lines and paragraphs. */
function isBlank(code: number): boolean {
  if (code > 0x20) return code === 0xa0 || code === 0xfeff || code === 0x2028 || code === 0x2029;
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** base64url usually has no padding, which strict decoders require. One digit too many is reported as it is. */
function padded(digits: string): string {
  const missing = (4 - (digits.length % 4)) % 4;
  return missing === 3 ? digits : digits + '='.repeat(missing);
}

/**
 * Decoding takes a twentieth of the time of a regular expression, and decoding in pieces leaves no large
 * buffers behind.
 */
function digitsFault(base64: string): ImageFault | null {
  if (/%(?:2b|2f|3d)/i.test(base64)) return 'PERCENT_ENCODED';
  const end = base64.length - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0);
  if (end === 0) return 'EMPTY';
  if (Math.floor((end * 3) / 4) > MAX_IMAGE_BYTES) return 'TOO_LARGE';
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  for (let start = 0; start < end; start += PIECE_DIGITS) {
    const digits = base64.slice(start, Math.min(start + PIECE_DIGITS, end));
    if (piece.write(digits, 'base64') !== Math.floor((digits.length * 3) / 4)) return 'NOT_BASE64';
  }
  if (end % 4 !== 1 && base64.length % 4 !== 1) return null;
  return NOT_A_DIGIT.test(base64) ? 'NOT_BASE64' : 'CUT_OFF';
}

async function contentFault(base64: string): Promise<ImageFault | null> {
  const type = await mediaTypeOf(Buffer.from(base64.slice(0, HEAD_DIGITS), 'base64'));
  if (type?.extension === 'heic') return 'HEIC';
  return type?.contentType.startsWith('image/') ? null : 'NOT_A_PICTURE';
}
